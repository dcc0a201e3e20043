use maud::{Markup, html};

use super::deliveries::delivery_table;
use super::parts::{self, badge};
use crate::device::{Image, ImageState, Patient, Study};
use crate::sessions::Session;
use crate::text;

/// What is shown of who a study is of.
#[derive(Debug, PartialEq, Eq)]
pub enum Who {
    /// All that the images say.
    Known(Patient),
    /// The images say nothing.
    Unknown,
    /// The user does not want to see it.
    Hidden,
    /// That it was shown could not be written down, so that it is not shown.
    Unwritten,
}

/// One study.
pub fn study(study: &Study, who: &Who, session: &Session) -> Markup {
    html! {
        section id="summary" data-live aria-live="polite" aria-labelledby="summary-title" {
            h2 id="summary-title" { "Result" }
            p {
                (parts::study_state(study.line.state))
                @if study.line.revision > 0 { " revision " (study.line.revision) ", " } @else { " " }
                (parts::images(&study.line)) ", last image " (text::time(study.line.last_received_at_ms))
                @if study.line.synthetic { " " (badge("calm", "◇", "Synthetic exam, of no patient")) }
            }
            @if let Some(model) = &study.model {
                p { "Scored by " (model) @if let Some(engine) = &study.engine { " on " (engine) } }
            }
            (breasts(study))
            @if !study.views_missing.is_empty() {
                p { strong { "Missing: " } (study.views_missing.iter().map(parts::view).collect::<Vec<_>>().join(", ")) }
            }
        }
        (patient(study, who, session))
        section aria-labelledby="images-title" {
            h2 id="images-title" { "Images" }
            @if study.images.iter().any(|image| image.has_picture) {
                input.heat-switch id="heat" type="checkbox" autocomplete="off";
                label.switch for="heat" { "Show heat maps" }
            }
            ul.images id="images" data-live {
                @for image in &study.images { li { (figure(study, image)) } }
            }
        }
        section id="deliveries" data-live aria-labelledby="deliveries-title" {
            h2 id="deliveries-title" { "Deliveries" }
            @if study.deliveries.is_empty() {
                p { "None yet." }
            } @else {
                (delivery_table(&study.deliveries, session, Some(&study.line.id)))
            }
        }
    }
}

fn breasts(study: &Study) -> Markup {
    html! {
        @if study.breasts.is_empty() {
            p { "No breast is scored yet." }
        } @else {
            table.plain {
                caption.unseen { "Scores of the breasts" }
                thead { tr {
                    th scope="col" { "Breast" } th scope="col" { "Score" } th scope="col" { "Category" } th scope="col" { "Images" }
                } }
                tbody {
                    @for breast in &study.breasts {
                        tr {
                            th scope="row" { (parts::laterality(breast.laterality)) }
                            td.number { (score(breast.score)) }
                            td { (breast.category.as_deref().unwrap_or("none")) }
                            td.number { (breast.images) }
                        }
                    }
                }
            }
        }
    }
}

fn score(score: f64) -> String {
    format!("{score:.2}")
}

fn patient(study: &Study, who: &Who, session: &Session) -> Markup {
    let unknown = "not in the images";
    html! {
        section aria-labelledby="who-title" {
            h2 id="who-title" { "Patient" }
            @match who {
                Who::Known(patient) => dl.pairs {
                    dt { "Name" } dd { (patient.name.as_deref().unwrap_or(unknown)) }
                    dt { "Identifier" } dd { (patient.id.as_deref().unwrap_or(unknown)) }
                    dt { "Born" } dd { (patient.birth_date.as_deref().unwrap_or(unknown)) }
                    dt { "Exam" } dd { (patient.study_date.as_deref().unwrap_or(unknown)) }
                    dt { "Accession" } dd { (patient.accession.as_deref().unwrap_or(unknown)) }
                }
                Who::Unknown => p { "The images do not say who they are of." }
                Who::Hidden => p { "Hidden." }
                Who::Unwritten => p { "Not shown: the audit file cannot be written. Check the space on the disk." }
            }
            form.inline method="post" action="/account/identifiers" {
                (parts::token(session))
                input type="hidden" name="study" value=(study.line.id);
                input type="hidden" name="shown" value=(!session.identifiers);
                button { (if session.identifiers { "Hide" } else { "Show" }) " patient identifiers" }
            }
        }
    }
}

fn figure(study: &Study, image: &Image) -> Markup {
    let view = parts::view(&image.view);
    let path = format!("/studies/{}/{}", study.line.id, image.id);
    html! {
        figure {
            div.frame {
                @if image.has_picture {
                    img.picture src={ (path) "/picture" } alt={ (view) ", image" } loading="lazy";
                    @if image.has_heat_map {
                        img.heat src={ (path) "/heat-map" } alt={ (view) ", image with heat map" } loading="lazy";
                    }
                } @else {
                    p.no-picture { "No picture" }
                }
            }
            figcaption {
                h3 { (view) }
                p {
                    (image_state(image.state))
                    @if let Some(value) = image.score { " Score " strong { (score(value)) } }
                    @if let Some(category) = &image.category { ", " (category) }
                }
                @if let Some(reason) = &image.reason { p { (reason) } }
                @for note in &image.notes { p { (note) } }
                p.hint { "Received " (text::time(image.received_at_ms)) }
            }
        }
    }
}

fn image_state(state: ImageState) -> Markup {
    match state {
        ImageState::Waiting => badge("calm", "…", "Waiting"),
        ImageState::Scored => badge("good", "✓", "Scored"),
        ImageState::Excluded => badge("attention", "–", "Excluded"),
        ImageState::Failed => badge("bad", "✕", "Failed"),
    }
}
