//! The device in one glance.

use console::{Check, Health, Overview, Reading};

use super::Shown;
use crate::control::Status;
use crate::engine::health::EngineState;
use crate::selftest::Verdict;
use crate::support_bundle::system;

const GIB: f64 = (1_u64 << 30) as f64;
/// Degrees Celsius at which boards of this kind begin to slow down, less some.
const WARM: f64 = 80.0;

/// One thing that is so.
struct Said(Health, String);

/// The glance.
pub fn of(shown: &Shown) -> Overview {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let Ok(status) = shown.status() else {
        let sentence = "The queue cannot be read: restart the device, and look at the health page.".to_owned();
        let (model, engine) = (String::new(), String::new());
        let (sentences, readings) = (vec![sentence], Vec::new());
        let health = Health::Failed;
        return Overview {
            health,
            sentences,
            version,
            model,
            engine,
            images_waiting: 0,
            deliveries_waiting: 0,
            deliveries_parked: 0,
            readings,
        };
    };
    let readings = readings(shown, &status);
    let mut said = engine(&status);
    said.extend(self_test(shown, &status));
    said.extend(queue(&status));
    let bad = readings.iter().filter(|reading| reading.health != Health::Good);
    said.extend(bad.map(|reading| Said(reading.health, format!("{}: {}.", reading.name, reading.value))));
    let health = worst(said.iter().map(|said| said.0));
    let mut sentences: Vec<String> =
        said.into_iter().filter(|said| said.0 != Health::Good).map(|said| said.1).collect();
    if sentences.is_empty() {
        sentences.push(format!("The device takes images as {} on {} and scores them.", status.ae_title, status.listen));
    }
    Overview {
        health,
        sentences,
        version,
        model: format!("{} {}", status.model.name, status.model.version),
        engine: status.engine_health.as_ref().map_or_else(|| status.engine.clone(), |health| health.text()),
        images_waiting: status.queue.waiting as u64,
        deliveries_waiting: status.queue.deliveries_due as u64,
        deliveries_parked: status.queue.deliveries_parked as u64,
        readings,
    }
}

/// All that must hold before images are taken and scored.
pub fn readiness(shown: &Shown) -> Vec<Check> {
    let check = |name: &str, why: Option<String>| Check {
        name: name.into(),
        ready: why.is_none(),
        reason: why.unwrap_or_default(),
    };
    let Ok(status) = shown.status() else {
        return vec![check("queue", Some("it cannot be read; restart the device".into()))];
    };
    let engine = engine(&status).into_iter().find(|said| said.0 == Health::Failed).map(|said| said.1);
    let preparing = match status.engine_health.as_ref().map(|health| &health.state) {
        Some(EngineState::Preparing { what, .. }) => Some(format!("{what}: images wait")),
        _ => None,
    };
    let disk = free_bytes(shown).filter(|(free, reserve, _)| free < reserve);
    let disk = disk.map(|_| "images are refused: free space, or give the device a larger disk".to_owned());
    let in_doubt = shown.facts().current.is_in_doubt();
    let self_test = in_doubt.then(|| "the last self-test failed: mamoru selftest says what to do".to_owned());
    vec![
        check("queue", None),
        check("engine", engine.or(preparing)),
        check("disk", disk),
        check("self_test", self_test),
    ]
}

fn worst(healths: impl Iterator<Item = Health>) -> Health {
    healths.fold(Health::Good, |worst, health| match (worst, health) {
        (Health::Failed, _) | (_, Health::Failed) => Health::Failed,
        (Health::Attention, _) | (_, Health::Attention) => Health::Attention,
        (Health::Good, Health::Good) => Health::Good,
    })
}

fn engine(status: &Status) -> Vec<Said> {
    let Some(health) = &status.engine_health else { return Vec::new() };
    let text = health.text();
    match health.state {
        EngineState::Ready { .. } => Vec::new(),
        EngineState::Preparing { .. } => {
            vec![Said(Health::Attention, format!("The engine is made ready, images wait: {text}."))]
        }
        EngineState::StandingIn { .. } => vec![Said(Health::Attention, format!("Another engine scores: {text}."))],
        EngineState::Unavailable { .. } => {
            vec![Said(
                Health::Failed,
                format!("Images get no score: {text}. mamoru engine probe says what is missing."),
            )]
        }
    }
}

fn self_test(shown: &Shown, status: &Status) -> Vec<Said> {
    let why = status.self_test.as_ref().and_then(|test| test.why.clone()).unwrap_or_default();
    match status.self_test.as_ref().map(|test| test.verdict) {
        Some(Verdict::Failed) if shown.facts().current.is_in_doubt() => {
            vec![Said(Health::Failed, format!("The self-test failed, and results say so: {why}."))]
        }
        Some(Verdict::NotHeld) => vec![Said(Health::Attention, format!("The self-test could not be held: {why}."))],
        _ => Vec::new(),
    }
}

fn queue(status: &Status) -> Vec<Said> {
    let mut said = Vec::new();
    if status.queue.deliveries_parked > 0 {
        let count = status.queue.deliveries_parked;
        said.push(Said(Health::Attention, format!("{count} results wait for a person: look at the deliveries.")));
    }
    for destination in status.destinations.iter().filter(|destination| destination.parked == 0) {
        if let Some(why) = &destination.last_error {
            let name = &destination.name;
            said.push(Said(
                Health::Attention,
                format!("Results wait for {name}, which is tried again by itself: {why}."),
            ));
        }
    }
    if status.queue.conflicts > 0 {
        let count = status.queue.conflicts;
        let text = format!("{count} images came with a UID that another image has: tell the unit's vendor.");
        said.push(Said(Health::Attention, text));
    }
    said
}

/// Free, reserve and all bytes of the state folder's disk.
pub fn free_bytes(shown: &Shown) -> Option<(u64, u64, u64)> {
    let disk = rustix::fs::statvfs(shown.state().root()).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Some((free, shown.config.receiver.disk_free_bytes_min, disk.f_blocks.saturating_mul(disk.f_frsize)))
}

fn readings(shown: &Shown, status: &Status) -> Vec<Reading> {
    let mut readings = Vec::new();
    if let Some((free, reserve, all)) = free_bytes(shown) {
        let health = match free {
            free if free < reserve => Health::Failed,
            free if free / 2 < reserve => Health::Attention,
            _ => Health::Good,
        };
        let value = format!("{:.1} GiB of {:.1} GiB", free as f64 / GIB, all as f64 / GIB);
        readings.push(Reading { name: "Disk free".into(), value, health });
    }
    for (zone, degrees) in system::temperatures().into_iter().take(8) {
        let health = if degrees >= WARM { Health::Attention } else { Health::Good };
        readings.push(Reading { name: format!("Temperature {zone}"), value: format!("{degrees:.0} °C"), health });
    }
    if let Some((available, all)) = system::memory_bytes() {
        let value = format!("{:.1} GiB of {:.1} GiB", available as f64 / GIB, all as f64 / GIB);
        let health = if available * 20 < all { Health::Attention } else { Health::Good };
        readings.push(Reading { name: "Memory available".into(), value, health });
    }
    let hours = status.uptime_seconds / 3600;
    let value = if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
    readings.push(Reading { name: "Running for".into(), value, health: Health::Good });
    readings
}
