//! The pages, for those who are signed in.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::shared::found;
use super::{Console, Visitor, Wrong};
use crate::device::{DeliveryFilter, DeliveryState, Device, Fault, Id, Level, LogFilter, Name, PNG_BYTES_MAX, Window};
use crate::pages::{self, Place, Who};

/// What stands behind the question mark of an address.
pub type Asked = HashMap<String, String>;

const ROWS: usize = 50;
const STUDIES_OF_OVERVIEW: usize = 5;
const LOG_LINES: usize = 300;
const FILTER_CHARACTERS_MAX: usize = 100;

/// The device in one glance.
pub async fn overview(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let window = Window { skip: 0, take: STUDIES_OF_OVERVIEW };
    let (overview, studies) = shared.ask(move |device| (device.overview(), device.studies(window))).await?;
    // The overview says what is wrong; without the studies it is still worth to be seen.
    let studies = studies.map(|listing| listing.items).unwrap_or_default();
    let content = pages::overview(&overview, &studies);
    Ok(shared.show(&visitor, ("Overview", Some(Place::Overview)), &content))
}

/// All studies.
pub async fn studies(State(shared): Console, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Wrong> {
    let window = window(&asked, ROWS);
    let listing = shared.ask(move |device| device.studies(window)).await??;
    Ok(shared.show(&visitor, ("Studies", Some(Place::Studies)), &pages::studies(&listing, window)))
}

/// One study. That who it is of was shown is in the audit file.
pub async fn study(State(shared): Console, visitor: Visitor, Path(study): Path<String>) -> Result<Response, Wrong> {
    let id = found(Id::parse(&study))?;
    let wanted = visitor.session.identifiers && !visitor.is_live();
    let action = format!("see who study {} is of", id.short());
    // A full disk hides who it is, but not the study: a technician has to see that.
    let shown = wanted && shared.record(&visitor.caller(), &action, "asked").map_err(Wrong::from).is_ok();
    let answer = shared.ask(move |device| {
        let study = device.study(&id)?;
        let patient = if shown { device.patient(&id)? } else { None };
        Ok::<_, Fault>((study, patient))
    });
    let (study, patient) = answer.await??;
    let who = match patient {
        Some(patient) => Who::Known(patient),
        None if shown => Who::Unknown,
        None if wanted => Who::Unwritten,
        None => Who::Hidden,
    };
    let title = format!("Study {}", study.line.id.short());
    let content = pages::study(&study, &who, &visitor.session);
    Ok(shared.show(&visitor, (&title, Some(Place::Studies)), &content))
}

/// An image as PNG.
pub async fn picture(
    State(shared): Console,
    _visitor: Visitor,
    Path((study, image)): Path<(String, String)>,
) -> Result<Response, Wrong> {
    let (study, image) = (found(Id::parse(&study))?, found(Id::parse(&image))?);
    png(shared.ask(move |device| device.picture(&study, &image)).await??)
}

/// An image with its heat map as PNG.
pub async fn heat_map(
    State(shared): Console,
    _visitor: Visitor,
    Path((study, image)): Path<(String, String)>,
) -> Result<Response, Wrong> {
    let (study, image) = (found(Id::parse(&study))?, found(Id::parse(&image))?);
    png(shared.ask(move |device| device.heat_map(&study, &image)).await??)
}

/// Bytes that are no PNG never reach a browser.
pub fn png(bytes: Vec<u8>) -> Result<Response, Wrong> {
    if bytes.len() > PNG_BYTES_MAX || !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        tracing::error!(bytes = bytes.len(), "a picture is no PNG, or too large");
        return Err(Wrong::fault());
    }
    Ok(([(header::CONTENT_TYPE, "image/png")], bytes).into_response())
}

/// All deliveries, or those in a state.
pub async fn deliveries(
    State(shared): Console,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Wrong> {
    let window = window(&asked, ROWS);
    let state = asked.get("state").and_then(|text| delivery_state(text));
    let filter = DeliveryFilter { state, destination: asked.get("destination").and_then(|text| Name::parse(text)) };
    let asked = filter.clone();
    let listing = shared.ask(move |device| device.deliveries(&asked, window)).await??;
    let content = pages::deliveries(&listing, &filter, window, &visitor.session);
    Ok(shared.show(&visitor, ("Deliveries", Some(Place::Deliveries)), &content))
}

/// Where results go.
pub async fn destinations(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let destinations = shared.ask(|device| device.destinations()).await??;
    let content = pages::destinations(&destinations, &visitor.session);
    Ok(shared.show(&visitor, ("Destinations", Some(Place::Destinations)), &content))
}

/// The models.
pub async fn models(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let models = shared.ask(|device| device.models()).await??;
    let content = pages::models(&models, shared.jobs.last().as_ref(), &visitor.session);
    Ok(shared.show(&visitor, ("Models", Some(Place::Models)), &content))
}

/// What the doctor finds.
pub async fn doctor(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let findings = shared.doctor().await?;
    Ok(shared.show(&visitor, ("Health", Some(Place::Health)), &pages::doctor(&findings)))
}

/// The last lines of the log.
pub async fn logs(State(shared): Console, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Wrong> {
    let filter = log_filter(&asked, LOG_LINES);
    let wanted = filter.clone();
    let lines = shared.ask(move |device| device.logs(&wanted)).await??;
    Ok(shared.show(&visitor, ("Log", Some(Place::Logs)), &pages::logs(&lines, &filter)))
}

/// Histograms.
pub async fn drift(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let histograms = shared.ask(|device| device.drift()).await??;
    Ok(shared.show(&visitor, ("Drift", Some(Place::Drift)), &pages::drift(&histograms)))
}

/// The configuration, and versions.
pub async fn settings(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let question = |device: &dyn Device| (device.settings(), device.versions());
    let (settings, versions) = shared.ask(question).await?;
    Ok(shared.show(&visitor, ("Settings", Some(Place::Settings)), &pages::settings(&settings?, &versions)))
}

/// The user's own matters.
pub async fn account(State(shared): Console, visitor: Visitor) -> Result<Response, Wrong> {
    let tokens = shared.access.tokens()?;
    Ok(shared.show(&visitor, ("Account", Some(Place::Account)), &pages::account(&visitor.session, &tokens, None)))
}

/// No such page.
pub async fn nothing_here() -> Wrong {
    Wrong::new(StatusCode::NOT_FOUND, "There is no such page. Go back to the overview.")
}

/// Which part of a list is asked for; what is no number is the start.
pub fn window(asked: &Asked, take: usize) -> Window {
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    Window {
        skip: number("skip").unwrap_or(0).min(1 << 32),
        take: number("take").unwrap_or(take).clamp(1, Window::TAKE_MAX),
    }
}

/// A state by its name in JSON.
pub fn delivery_state(text: &str) -> Option<DeliveryState> {
    DeliveryState::ALL.into_iter().find(|state| state.name() == text)
}

/// Which lines; what is no level is `info`.
pub fn log_filter(asked: &Asked, lines_max: usize) -> LogFilter {
    let level = asked.get("level").and_then(|text| Level::ALL.into_iter().find(|level| level.name() == text));
    let containing =
        asked.get("containing").map(|text| text.trim().chars().take(FILTER_CHARACTERS_MAX).collect::<String>());
    LogFilter { level: level.unwrap_or(Level::Info), containing: containing.filter(|text| !text.is_empty()), lines_max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_bounded() {
        let asked = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(window(&asked(&[]), 50), Window { skip: 0, take: 50 });
        assert_eq!(window(&asked(&[("skip", "7"), ("take", "9000")]), 50), Window { skip: 7, take: Window::TAKE_MAX });
        assert_eq!(window(&asked(&[("skip", "-1"), ("take", "0")]), 50), Window { skip: 0, take: 1 });
        let filter = log_filter(&asked(&[("level", "warn"), ("containing", &"ä".repeat(500))]), 9);
        assert_eq!((filter.level, filter.containing.unwrap().chars().count(), filter.lines_max), (Level::Warn, 100, 9));
        assert_eq!(log_filter(&asked(&[("level", "no"), ("containing", " ")]), 9).containing, None);
        assert_eq!(delivery_state("parked"), Some(DeliveryState::Parked));
        assert_eq!(delivery_state("Parked"), None);
    }

    #[test]
    fn only_pngs_are_given_to_browsers() {
        assert!(png(b"\x89PNG\r\n\x1a\n...".to_vec()).is_ok());
        for bad in [b"".as_slice(), b"<svg>", b"GIF89a"] {
            assert!(png(bad.to_vec()).is_err());
        }
        let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
        large.resize(PNG_BYTES_MAX + 1, 0);
        assert!(png(large).is_err());
    }
}
