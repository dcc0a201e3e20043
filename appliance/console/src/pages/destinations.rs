use maud::{Markup, html};

use super::parts;
use crate::device::Destination;
use crate::sessions::Session;
use crate::text;

/// Where results go.
pub fn destinations(destinations: &[Destination], session: &Session) -> Markup {
    html! {
        p { "The echo asks whether a destination is there. The test send sends the result of a synthetic exam, marked as such." }
        (parts::only_technicians(session))
        @if destinations.is_empty() {
            p { "No destination is configured: results stay on the device. Add one to the configuration." }
        }
        ul.cards {
            @for destination in destinations { li { (card(destination, session)) } }
        }
    }
}

fn card(destination: &Destination, session: &Session) -> Markup {
    let path = format!("/destinations/{}", destination.name);
    html! {
        h2 { (destination.name) }
        dl.pairs {
            dt { "Kind" } dd { (destination.kind) }
            dt { "Address" } dd { (destination.address) }
            dt { "Encrypted" } dd { (if destination.encrypted { "yes" } else { "no" }) }
            dt { "Waiting" } dd { (destination.waiting) }
            dt { "Parked" }
            dd {
                @if destination.parked > 0 {
                    a href={ "/deliveries?state=parked&destination=" (destination.name) } { (destination.parked) } " "
                    (parts::badge("bad", "✕", "wait for a person"))
                } @else { "0" }
            }
            dt { "Last delivered" }
            dd { @if let Some(at) = destination.last_delivered_at_ms { (text::time(at)) } @else { "never" } }
            dt { "Last error" } dd { (destination.last_error.as_deref().unwrap_or("none")) }
        }
        @if parts::may_act(session) {
            div.actions {
                @if destination.can_echo { (parts::button(session, &format!("{path}/echo"), "Echo", destination.name.as_str())) }
                @if destination.can_test_send {
                    (parts::button(session, &format!("{path}/test-send"), "Test send", &format!("to {}", destination.name)))
                }
            }
        }
    }
}
