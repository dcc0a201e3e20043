use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts;
use crate::Role;
use crate::sessions::Session;
use crate::text;
use crate::tokens::Token;

/// The user's own matters, and for technicians the tokens of machines; `made` is a token's name and the token, shown this once.
pub fn account(session: &Session, tokens: &BTreeMap<String, Token>, made: Option<(&str, &str)>) -> Markup {
    html! {
        @if let Some((name, token)) = made {
            section.notice.good aria-labelledby="made-title" {
                h2 id="made-title" { "Token of " (name) }
                p { "Copy it now: it is shown this once. Give it to the machine alone." }
                pre tabindex="0" role="region" aria-label="Token" { (token) }
            }
        }
        section aria-labelledby="password-title" {
            h2 id="password-title" { "Own password" }
            p { "12 to 128 characters. All your sessions end with the change, also this one." }
            form.narrow method="post" action="/account/password" {
                (parts::token(session))
                p { label for="user" { "Name" } input id="user" name="user" autocomplete="username" readonly value=(session.name); }
                p { label for="old" { "Old password" } input id="old" name="old" type="password" autocomplete="current-password" required; }
                p { label for="new" { "New password" } input id="new" name="new" type="password" autocomplete="new-password" minlength="12" required; }
                p { label for="again" { "New password again" } input id="again" name="again" type="password" autocomplete="new-password" required; }
                p { button.main { "Change the password" } }
            }
        }
        section aria-labelledby="identifiers-title" {
            h2 id="identifiers-title" { "Patient identifiers" }
            p { (if session.identifiers { "They are shown on the pages of studies." } else { "They are hidden." }) " That they were shown is in the audit file." }
            form.inline method="post" action="/account/identifiers" {
                (parts::token(session))
                input type="hidden" name="shown" value=(!session.identifiers);
                button { (if session.identifiers { "Hide" } else { "Show" }) " patient identifiers" }
            }
        }
        section aria-labelledby="tokens-title" {
            h2 id="tokens-title" { "Tokens of machines" }
            p { "For programs that use the machine interface. Its description is at " a href="/api/v1/openapi.json" { "/api/v1/openapi.json" } "." }
            (parts::only_technicians(session))
            (table(session, tokens))
            @if parts::may_act(session) { (make(session)) }
        }
    }
}

fn table(session: &Session, tokens: &BTreeMap<String, Token>) -> Markup {
    html! {
        @if tokens.is_empty() {
            p { "None." }
        } @else {
            table.stacked {
                caption.unseen { "Tokens" }
                thead { tr {
                    th scope="col" { "Machine" } th scope="col" { "Role" } th scope="col" { "Made by" } th scope="col" { "Made at" }
                    th scope="col" { "Action" }
                } }
                tbody {
                    @for (name, token) in tokens {
                        tr {
                            th scope="row" data-label="Machine" { (name) }
                            td data-label="Role" { (token.role.text()) }
                            td data-label="Made by" { (token.made_by) }
                            td data-label="Made at" { (text::time(token.made_at_s.saturating_mul(1000))) }
                            td data-label="Action" {
                                @if parts::may_act(session) {
                                    (parts::button(session, &format!("/account/tokens/{name}/remove"), "Remove", &format!("the token of {name}")))
                                } @else { "none" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn make(session: &Session) -> Markup {
    html! {
        form.narrow method="post" action="/account/tokens" {
            (parts::token(session))
            p { label for="machine" { "Name of the machine" } input id="machine" name="name" maxlength="32" pattern="[a-z0-9._\\-]+" required; }
            p {
                label for="role" { "Role" }
                select id="role" name="role" {
                    option value="viewer" { (Role::Viewer.text()) }
                    option value="technician" { (Role::Technician.text()) }
                }
            }
            p { button.main { "Make a token" } }
        }
    }
}
