use maud::{Markup, html};

use super::parts;
use crate::device::{Delivery, DeliveryFilter, DeliveryState, Id, Listing, Window};
use crate::sessions::Session;
use crate::text;

/// A part of all deliveries that pass the filter.
pub fn deliveries(listing: &Listing<Delivery>, filter: &DeliveryFilter, window: Window, session: &Session) -> Markup {
    let mut address = String::from("/deliveries?");
    if let Some(state) = filter.state {
        address.push_str(&format!("state={}&", state.name()));
    }
    if let Some(destination) = &filter.destination {
        address.push_str(&format!("destination={destination}&"));
    }
    html! {
        form.filter method="get" action="/deliveries" {
            p {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "All" }
                    @for state in DeliveryState::ALL {
                        option value=(state.name()) selected[filter.state == Some(state)] { (parts::delivery_word(state)) }
                    }
                }
            }
            p {
                label for="destination" { "Destination" }
                input id="destination" name="destination" maxlength="32" value=[filter.destination.as_ref()];
            }
            p { button { "Filter" } }
        }
        (parts::only_technicians(session))
        section id="deliveries" data-live aria-label="Deliveries" {
            @if listing.items.is_empty() {
                p { "No delivery here." }
            } @else {
                (delivery_table(&listing.items, session, None))
            }
            (parts::pager(&address, window, listing.total))
        }
    }
}

/// Deliveries with their history; `study` when the page is that study's.
pub fn delivery_table(deliveries: &[Delivery], session: &Session, study: Option<&Id>) -> Markup {
    html! {
        table.stacked {
            caption.unseen { "Deliveries" }
            thead { tr {
                th scope="col" { "Object" }
                @if study.is_none() { th scope="col" { "Study" } }
                th scope="col" { "Destination" } th scope="col" { "State" } th scope="col" { "Tries" } th scope="col" { "What happened" }
            } }
            tbody { @for delivery in deliveries { (row(delivery, session, study)) } }
        }
    }
}

fn row(delivery: &Delivery, session: &Session, study: Option<&Id>) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Object" { (delivery.object) " " span.hint { "revision " (delivery.revision) } }
            @if study.is_none() {
                td data-label="Study" { a href={ "/studies/" (delivery.study) } { (delivery.study.short()) } }
            }
            td data-label="Destination" { (delivery.destination) }
            td data-label="State" {
                (parts::delivery_state(delivery.state))
                div.hint { "since " (text::time(delivery.since_ms)) }
                @if let Some(next) = delivery.next_at_ms { div.hint { "next try " (text::time(next)) } }
            }
            td data-label="Tries" { (delivery.attempts) }
            td data-label="What happened" {
                @if let Some(error) = &delivery.error { p { (error) } }
                @if !delivery.history.is_empty() {
                    details {
                        summary { "History" span.unseen { " of " (delivery.object) " to " (delivery.destination) } }
                        ol { @for happening in &delivery.history { li { (text::time(happening.at_ms)) ": " (happening.what) } } }
                    }
                }
                @if delivery.state == DeliveryState::Parked && parts::may_act(session) {
                    form.inline method="post" action={ "/deliveries/" (delivery.id) "/retry" } {
                        (parts::token(session))
                        @if let Some(study) = study { input type="hidden" name="study" value=(study); }
                        button { "Retry" span.unseen { " " (delivery.object) " to " (delivery.destination) } }
                    }
                }
            }
        }
    }
}
