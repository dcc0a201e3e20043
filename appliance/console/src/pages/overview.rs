use maud::{Markup, html};

use super::parts;
use crate::device::{Health, Overview, StudyLine};

/// The device in one glance.
pub fn overview(overview: &Overview, studies: &[StudyLine]) -> Markup {
    let kind = match overview.health {
        Health::Good => "good",
        Health::Attention => "attention",
        Health::Failed => "bad",
    };
    html! {
        section.state.(kind) id="state" data-live aria-live="polite" aria-label="State of the device" {
            p.large { (parts::health(overview.health)) }
            @for sentence in &overview.sentences { p { (sentence) } }
        }
        section id="figures" data-live aria-labelledby="figures-title" {
            h2 id="figures-title" { "Work" }
            dl.tiles {
                div { dt { "Images waiting" } dd { (overview.images_waiting) } }
                div { dt { "Deliveries waiting" } dd { a href="/deliveries?state=waiting" { (overview.deliveries_waiting) } } }
                div { dt { "Deliveries parked" } dd { a href="/deliveries?state=parked" { (overview.deliveries_parked) } } }
            }
        }
        section id="device" data-live aria-labelledby="device-title" {
            h2 id="device-title" { "Device" }
            table.plain {
                caption.unseen { "Parts of the device" }
                tbody {
                    tr { th scope="row" { "Model" } td { a href="/models" { (overview.model) } } td {} }
                    tr { th scope="row" { "Engine" } td { (overview.engine) } td {} }
                    tr { th scope="row" { "Software" } td { (overview.version) } td {} }
                    @for reading in &overview.readings {
                        tr { th scope="row" { (reading.name) } td { (reading.value) } td { (parts::health(reading.health)) } }
                    }
                }
            }
        }
        section id="latest" data-live aria-labelledby="latest-title" {
            h2 id="latest-title" { "Latest studies" }
            @if studies.is_empty() {
                p { "No study yet. Send a test exam to the device, and it appears here." }
            } @else {
                (parts::study_table(studies, "Latest studies"))
                p { a href="/studies" { "All studies" } }
            }
        }
    }
}
