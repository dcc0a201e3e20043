//! The pages, made on the device, without scripts.

use maud::{DOCTYPE, Markup, html};

use crate::device::{Health, Overview};
use crate::sessions::Session;
use crate::users::Role;

fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - Mamoru" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { p { strong { "Research use only, not a medical device" } } }
                main { h1 { (title) } (content) }
            }
        }
    }
}

/// The form to sign in; `fault` is said above it.
pub fn sign_in(form: &str, fault: Option<&str>) -> Markup {
    page(
        "Sign in",
        &html! {
            @if let Some(fault) = fault { p role="alert" { (fault) } }
            form method="post" action="/sign-in" {
                input type="hidden" name="form" value=(form);
                p { label for="name" { "Name" } input id="name" name="name" autocomplete="username" required maxlength="32"; }
                p {
                    label for="password" { "Password" }
                    input id="password" name="password" type="password" autocomplete="current-password" required;
                }
                button { "Sign in" }
            }
        },
    )
}

/// The device in one glance.
pub fn overview(overview: &Overview, session: &Session) -> Markup {
    let state = match overview.health {
        Health::Good => "Works",
        Health::Attention => "Needs attention",
        Health::Failed => "Does not work",
    };
    let role = match session.role {
        Role::Technician => "technician",
        Role::Viewer => "viewer",
    };
    page(
        "Overview",
        &html! {
            p.state role="status" { (state) }
            @for sentence in &overview.sentences { p { (sentence) } }
            dl {
                dt { "Model" } dd { (overview.model) }
                dt { "Engine" } dd { (overview.engine) }
                dt { "Software" } dd { (overview.version) }
                dt { "Images waiting" } dd { (overview.images_waiting) }
                dt { "Deliveries waiting" } dd { (overview.deliveries_waiting) }
                dt { "Deliveries parked" } dd { (overview.deliveries_parked) }
            }
            form method="post" action="/sign-out" {
                input type="hidden" name="form" value=(session.csrf);
                button { "Sign out " (session.name) " (" (role) ")" }
            }
        },
    )
}
