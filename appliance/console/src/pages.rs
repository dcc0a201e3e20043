//! The pages, made on the device. Everything works without the script, which only looks for what is new.

mod account;
mod care;
mod deliveries;
mod destinations;
mod drift;
mod models;
mod overview;
mod parts;
mod studies;
mod study;

use maud::{DOCTYPE, Markup, html};

use crate::sessions::{Notice, Session};

pub use account::account;
pub use care::{doctor, logs, settings};
pub use deliveries::deliveries;
pub use destinations::destinations;
pub use drift::drift;
pub use models::{change_text, models};
pub use overview::overview;
pub use studies::studies;
pub use study::{Who, study};

/// Stands on each page.
const NOTICE: &str = "Research use only, not a medical device";

/// The pages of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The device in one glance.
    Overview,
    /// All studies.
    Studies,
    /// All deliveries.
    Deliveries,
    /// The models.
    Models,
    /// Where results go.
    Destinations,
    /// What the doctor finds.
    Health,
    /// The log.
    Logs,
    /// Histograms.
    Drift,
    /// The configuration.
    Settings,
    /// The user's own matters.
    Account,
}

const MENU: [(Place, &str, &str); 10] = [
    (Place::Overview, "/", "Overview"),
    (Place::Studies, "/studies", "Studies"),
    (Place::Deliveries, "/deliveries", "Deliveries"),
    (Place::Models, "/models", "Models"),
    (Place::Destinations, "/destinations", "Destinations"),
    (Place::Health, "/health", "Health"),
    (Place::Logs, "/logs", "Log"),
    (Place::Drift, "/drift", "Drift"),
    (Place::Settings, "/settings", "Settings"),
    (Place::Account, "/account", "Account"),
];

/// What is around a page's content.
pub struct Frame<'a> {
    /// The one heading of the first level.
    pub title: &'a str,
    /// Which page of the menu it belongs to.
    pub place: Option<Place>,
    /// Who looks.
    pub session: Option<&'a Session>,
    /// What is said first.
    pub notice: Option<&'a Notice>,
}

/// A whole page.
pub fn page(frame: &Frame<'_>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " - Mamoru" }
                link rel="icon" type="image/svg+xml" href="/icon.svg";
                link rel="stylesheet" href="/style.css";
                @if frame.session.is_some() { script src="/live.js" defer {} }
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header {
                    div.bar {
                        p.brand { "Mamoru" }
                        p.research { (NOTICE) }
                    }
                    @if frame.session.is_some() { (menu(frame.place)) }
                }
                main id="content" tabindex="-1" {
                    h1 { (frame.title) }
                    @if let Some(notice) = frame.notice {
                        p.notice.good[notice.good].bad[!notice.good] role="status" {
                            strong { (if notice.good { "✓ Done. " } else { "✕ Not done. " }) } (notice.text)
                        }
                    }
                    (content)
                }
                @if let Some(session) = frame.session { (foot(session)) }
            }
        }
    }
}

fn menu(here: Option<Place>) -> Markup {
    html! {
        nav aria-label="Pages" {
            ul {
                @for (place, path, name) in MENU {
                    li { a href=(path) aria-current=[(here == Some(place)).then_some("page")] { (name) } }
                }
            }
        }
    }
}

fn foot(session: &Session) -> Markup {
    html! {
        footer {
            p { "Signed in as " strong { (session.name) } " (" (session.role.text()) ")" }
            form method="post" action="/sign-out" { (parts::token(session)) button { "Sign out" } }
        }
    }
}

/// The form to sign in; `fault` is said above it.
pub fn sign_in(form: &str, fault: Option<&str>) -> Markup {
    let content = html! {
        @if let Some(fault) = fault { p.notice.bad role="alert" { strong { "✕ " } (fault) } }
        form.narrow method="post" action="/sign-in" {
            input type="hidden" name="form" value=(form);
            p { label for="name" { "Name" } input id="name" name="name" autocomplete="username" required maxlength="32"; }
            p {
                label for="password" { "Password" }
                input id="password" name="password" type="password" autocomplete="current-password" required;
            }
            p { button.main { "Sign in" } }
        }
    };
    page(&Frame { title: "Sign in", place: None, session: None, notice: None }, &content)
}

/// Why something is not answered.
pub fn wrong(title: &str, sentence: &str) -> Markup {
    let content = html! {
        p.notice.bad role="alert" { strong { "✕ " } (sentence) }
        p { a href="/" { "Overview" } }
    };
    page(&Frame { title, place: None, session: None, notice: None }, &content)
}
