//! Deliveries, and where they go.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::{
    Answer, Delivery, DeliveryFilter, DeliveryState, Destination, Fault, Happening, Id, Listing, Name, Window,
};
use domain::{ResultKind, StudyKey};
use forwarder::{DestinationConfig, DestinationKind};

use super::{Shown, broken, id_of};
use crate::control::{Request, Response};
use crate::doctor::destinations;

/// What a test of a destination may take.
const TEST_WAIT: Duration = Duration::from_secs(120);

/// The deliveries of `window` that pass `filter`.
pub fn list(shown: &Shown, filter: &DeliveryFilter, window: Window) -> Result<Listing<Delivery>, Fault> {
    let mut all = shown.queue().deliveries(|_| true, usize::MAX).map_err(broken)?;
    all.retain(|delivery| {
        filter.state.is_none_or(|state| state_of(&delivery.state) == state)
            && filter.destination.as_ref().is_none_or(|name| name.as_str() == delivery.destination.as_str())
    });
    let rank = |state: DeliveryState| match state {
        DeliveryState::Parked => 0,
        DeliveryState::Waiting | DeliveryState::Committing => 1,
        DeliveryState::Delivered | DeliveryState::Standby | DeliveryState::Replaced => 2,
    };
    // The queue gives the oldest first.
    all.reverse();
    all.sort_by_key(|delivery| rank(state_of(&delivery.state)));
    let total = all.len() as u64;
    let items = all.into_iter().skip(window.skip).take(window.take.min(Window::TAKE_MAX));
    Ok(Listing { items: items.filter_map(shown_as).collect(), total })
}

/// Those of one study, the last revision's first.
pub fn of_study(shown: &Shown, study: &StudyKey) -> Result<Vec<Delivery>, Fault> {
    let mut all = shown.queue().deliveries(|_| true, usize::MAX).map_err(broken)?;
    all.retain(|delivery| delivery.study == *study);
    all.sort_by_key(|delivery| std::cmp::Reverse(delivery.revision));
    Ok(all.into_iter().filter_map(shown_as).collect())
}

/// How many of each study need a person; studies without any are not named.
pub fn parked(shown: &Shown) -> Result<BTreeMap<StudyKey, u32>, Fault> {
    let is_parked = |state: &domain::DeliveryState| matches!(state, domain::DeliveryState::Parked { .. });
    let mut counts = BTreeMap::new();
    for delivery in shown.queue().deliveries(is_parked, usize::MAX).map_err(broken)? {
        *counts.entry(delivery.study).or_default() += 1;
    }
    Ok(counts)
}

/// Has one tried again now.
pub fn retry(shown: &Shown, id: &Id) -> Result<(), Fault> {
    let known = shown.queue().deliveries(|_| true, usize::MAX).map_err(broken)?;
    let delivery = known.iter().find(|delivery| delivery.id.as_str() == id.as_str()).ok_or(Fault::NotFound)?;
    if !delivery.state.is_open() {
        return Err(Fault::Refused("this result is done; nothing is left to be tried".into()));
    }
    match shown.answerer.answer(&Request::Retry { id: Some(id.as_str().to_owned()) }) {
        Response::Failed { why } => Err(Fault::Refused(why)),
        _ => Ok(()),
    }
}

const fn state_of(state: &domain::DeliveryState) -> DeliveryState {
    match state {
        domain::DeliveryState::Due { .. } => DeliveryState::Waiting,
        domain::DeliveryState::Stored { .. } | domain::DeliveryState::Committing { .. } => DeliveryState::Committing,
        domain::DeliveryState::Delivered { .. } => DeliveryState::Delivered,
        domain::DeliveryState::Parked { .. } => DeliveryState::Parked,
        domain::DeliveryState::Standby => DeliveryState::Standby,
        domain::DeliveryState::Replaced { .. } => DeliveryState::Replaced,
    }
}

const fn since(state: &domain::DeliveryState) -> u64 {
    use domain::DeliveryState::{Committing, Delivered, Due, Parked, Replaced, Standby, Stored};
    match state {
        Due { at } | Stored { at } | Delivered { at } | Parked { at } | Replaced { at } => at.0,
        Committing { until, .. } => until.0,
        Standby => 0,
    }
}

fn shown_as(delivery: domain::Delivery) -> Option<Delivery> {
    let since_ms = since(&delivery.state);
    let history = match (&delivery.state, &delivery.last_error) {
        (domain::DeliveryState::Delivered { at }, _) => {
            vec![Happening { at_ms: at.0, what: format!("delivered at try {}", delivery.attempts.max(1)) }]
        }
        (domain::DeliveryState::Parked { at }, Some(why)) => {
            vec![Happening { at_ms: at.0, what: format!("given up after {} tries: {why}", delivery.attempts) }]
        }
        _ => Vec::new(),
    };
    Some(Delivery {
        id: Id::parse(delivery.id.as_str())?,
        study: id_of(&delivery.study)?,
        revision: delivery.revision,
        object: object(delivery.kind).to_owned(),
        destination: Name::parse(delivery.destination.as_str())?,
        state: state_of(&delivery.state),
        since_ms,
        next_at_ms: delivery.state.next_at().map(|at| at.0),
        attempts: delivery.attempts,
        error: delivery.last_error,
        history,
    })
}

const fn object(kind: ResultKind) -> &'static str {
    match kind {
        ResultKind::Json => "report (JSON)",
        ResultKind::Fhir => "report (FHIR)",
        ResultKind::Summary => "summary page",
        ResultKind::Heatmap => "heat map page",
        ResultKind::CadSr => "CAD SR",
        ResultKind::ComprehensiveSr => "measurement report",
        ResultKind::PresentationState => "presentation state",
    }
}

/// All of the configuration.
pub fn destinations(shown: &Shown) -> Result<Vec<Destination>, Fault> {
    let status = shown.status()?;
    let delivered = shown
        .queue()
        .deliveries(|state| matches!(state, domain::DeliveryState::Delivered { .. }), usize::MAX)
        .map_err(broken)?;
    let own_ae = shown.config.ae_title().map_err(|error| Fault::Broken(error.to_string()))?;
    let shown_as = |destination: &DestinationConfig| {
        let name = Name::parse(destination.name.as_str())?;
        let kind = destination.kind(&own_ae).ok()?;
        let line = status.destinations.iter().find(|line| line.name == name.as_str());
        let of_it = delivered.iter().filter(|delivery| delivery.destination.as_str() == name.as_str());
        let encrypted = match &kind {
            DestinationKind::Dicom(peer) => peer.tls.is_some(),
            DestinationKind::Stow(web) | DestinationKind::Post(web) => web.url.starts_with("https://"),
            DestinationKind::Folder(_) => false,
        };
        Some(Destination {
            kind: word(&kind).to_owned(),
            address: destinations::place(&kind),
            encrypted,
            waiting: line.map_or(0, |line| (line.due + line.uncommitted) as u64),
            parked: line.map_or(0, |line| line.parked as u64),
            last_delivered_at_ms: of_it.map(|delivery| since(&delivery.state)).max(),
            last_error: line.and_then(|line| line.last_error.clone()),
            can_echo: !matches!(kind, DestinationKind::Folder(_)),
            can_test_send: true,
            name,
        })
    };
    Ok(shown.config.destinations.iter().filter_map(shown_as).collect())
}

const fn word(kind: &DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Dicom(_) => "DICOM",
        DestinationKind::Stow(_) => "STOW-RS",
        DestinationKind::Post(_) => "POST",
        DestinationKind::Folder(_) => "folder",
    }
}

/// Calls a destination.
pub fn echo(shown: &Shown, name: &Name) -> Result<Answer, Fault> {
    let start = Instant::now();
    let reached = destinations::reach_one(&shown.config, name.as_str()).ok_or(Fault::NotFound)?;
    let (good, sentence) = match reached {
        Ok(said) => (true, said),
        Err(why) => {
            (false, format!("{why}; see whether it runs, its address, port and AE titles, and the firewall between"))
        }
    };
    Ok(Answer { good, sentence, duration_ms: millis(start.elapsed()) })
}

/// Sends it the results of a synthetic exam, by a process of its own: `mamoru results verify-destination`.
pub fn test_send(shown: &Shown, name: &Name) -> Result<Answer, Fault> {
    if !shown.config.destinations.iter().any(|destination| destination.name.as_str() == name.as_str()) {
        return Err(Fault::NotFound);
    }
    let Some(file) = &shown.config_file else {
        return Err(Fault::Unsupported("this device was started without a configuration file".into()));
    };
    let start = Instant::now();
    let program = std::env::current_exe().map_err(|_| Fault::Broken("the path of this command is not known".into()))?;
    let arguments = ["results", "verify-destination", name.as_str(), "--json", "--config"];
    let ended = crate::child::output_within(&program, &arguments, file, TEST_WAIT);
    let duration_ms = millis(start.elapsed());
    let (good, sentence) = match ended {
        None => (false, format!("it did not take them within {} s", TEST_WAIT.as_secs())),
        Some(output) if output.status.success() => (true, "it took every result of a synthetic exam".into()),
        Some(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or_default().trim_start_matches("mamoru: ");
            (
                false,
                if said.is_empty() {
                    "it refused a result; mamoru results verify-destination shows which".into()
                } else {
                    said.to_owned()
                },
            )
        }
    };
    Ok(Answer { good, sentence, duration_ms })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
