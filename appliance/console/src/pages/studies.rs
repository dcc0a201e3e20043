use maud::{Markup, html};

use super::parts;
use crate::device::{Listing, StudyLine, Window};

/// A part of all studies.
pub fn studies(listing: &Listing<StudyLine>, window: Window) -> Markup {
    html! {
        section id="studies" data-live aria-label="Studies" {
            @if listing.items.is_empty() {
                p { "No study here. Send a test exam to the device, and it appears." }
            } @else {
                (parts::study_table(&listing.items, "Studies, the one that received an image last first"))
            }
            (parts::pager("/studies?", window, listing.total))
        }
    }
}
