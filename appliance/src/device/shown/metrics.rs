//! Metrics, by the conventions of Prometheus. No label names a patient, a study or an image.

use console::{Family, Kind, Sample};

use super::{Shown, overview};
use crate::device::now;
use crate::engine::health::EngineState;
use crate::selftest::Verdict;
use crate::support_bundle::system;

fn family(kind: Kind, name: &str, help: &str, samples: Vec<Sample>) -> Family {
    Family { name: name.into(), help: help.into(), kind, samples }
}

fn labelled(labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sample { labels, value }
}

fn single(kind: Kind, name: &str, help: &str, value: f64) -> Family {
    family(kind, name, help, vec![labelled(&[], value)])
}

/// All families; without the queue only whether it can be read.
pub fn families(shown: &Shown) -> Vec<Family> {
    let gauge = |name: &str, help: &str, value: f64| single(Kind::Gauge, name, help, value);
    let Ok(status) = shown.status() else {
        return vec![gauge("mamoru_queue_readable", "1 when the queue can be read", 0.0)];
    };
    let (queue, receiver) = (&status.queue, &status.receiver);
    let counter = |name: &str, help: &str, value: u64| single(Kind::Counter, name, help, value as f64);
    let info = labelled(
        &[
            ("version", status.version.as_str()),
            ("model", status.model.name.as_str()),
            ("model_version", status.model.version.as_str()),
            ("engine", status.engine.as_str()),
        ],
        1.0,
    );
    let mut families = vec![
        family(Kind::Gauge, "mamoru_info", "Versions as labels, always 1", vec![info]),
        gauge("mamoru_queue_readable", "1 when the queue can be read", 1.0),
        gauge("mamoru_uptime_seconds", "Since the start of the service", status.uptime_seconds as f64),
        gauge("mamoru_images_waiting", "Images that wait to be scored", queue.waiting as f64),
        gauge("mamoru_images_decided", "Images in the queue that have their outcome", queue.decided as f64),
        gauge("mamoru_uid_conflicts", "Images in the queue with a UID that another has", queue.conflicts as f64),
        gauge("mamoru_studies", "Studies in the queue", queue.studies as f64),
        gauge("mamoru_studies_open", "Studies with images that no report holds yet", queue.studies_open as f64),
        counter("mamoru_associations_total", "Associations accepted", receiver.associations),
        counter("mamoru_associations_failed_total", "Associations refused or broken off", receiver.associations_failed),
        counter(
            "mamoru_instances_acknowledged_total",
            "Instances taken, again or not",
            receiver.instances_acknowledged,
        ),
        counter("mamoru_instances_refused_total", "Instances answered with a failure", receiver.instances_refused),
        counter("mamoru_instances_quarantined_total", "Refused instances kept", receiver.instances_quarantined),
        counter("mamoru_connections_refused_total", "Connections over the limits", receiver.connections_refused),
        counter("mamoru_internal_faults_total", "Faults that cost one association", receiver.panics),
    ];
    families.push(engine(status.engine_health.as_ref().map(|health| &health.state)));
    families.push(deliveries(&status.destinations));
    if let Some((free, reserve, all)) = overview::free_bytes(shown) {
        families.push(gauge("mamoru_disk_free_bytes", "Free on the state folder's disk", free as f64));
        families.push(gauge("mamoru_disk_reserve_bytes", "What must stay free of it", reserve as f64));
        families.push(gauge("mamoru_disk_bytes", "Size of that disk", all as f64));
    }
    let temperatures = system::temperatures();
    if !temperatures.is_empty() {
        let sample = |(zone, degrees): &(String, f64)| labelled(&[("zone", zone)], *degrees);
        let samples = temperatures.iter().take(32).map(sample).collect();
        families.push(family(Kind::Gauge, "mamoru_temperature_celsius", "By thermal zone of the kernel", samples));
    }
    if let Some(test) = &status.self_test {
        let passed = matches!(test.verdict, Verdict::Passed | Verdict::First);
        families.push(gauge(
            "mamoru_self_test_passed",
            "1 when the last self-test passed",
            f64::from(u8::from(passed)),
        ));
        let age = now().since(test.at).as_secs();
        families.push(gauge("mamoru_self_test_age_seconds", "Since the last self-test", age as f64));
    }
    if let Some(shadow) = &status.shadow {
        families.push(gauge("mamoru_shadow_images", "Images that shadow and model both scored", shadow.images as f64));
        let help = "Mean difference of their probabilities";
        families.push(gauge("mamoru_shadow_difference_mean_ratio", help, shadow.difference_mean));
    }
    families
}

fn engine(state: Option<&EngineState>) -> Family {
    let now = match state {
        Some(EngineState::Ready { .. }) => "ready",
        Some(EngineState::Preparing { .. }) => "preparing",
        Some(EngineState::StandingIn { .. }) => "standing_in",
        Some(EngineState::Unavailable { .. }) | None => "unavailable",
    };
    let states = ["ready", "preparing", "standing_in", "unavailable"];
    let sample = |state: &str| labelled(&[("state", state)], f64::from(u8::from(state == now)));
    family(Kind::Gauge, "mamoru_engine_state", "1 for the state of the engine", states.map(sample).to_vec())
}

fn deliveries(destinations: &[crate::control::DestinationStatus]) -> Family {
    let of_destination = |destination: &crate::control::DestinationStatus| {
        [("due", destination.due), ("uncommitted", destination.uncommitted), ("parked", destination.parked)]
            .map(|(state, count)| labelled(&[("destination", &destination.name), ("state", state)], count as f64))
    };
    let samples = destinations.iter().take(64).flat_map(of_destination).collect();
    family(Kind::Gauge, "mamoru_deliveries", "Results on their way, by destination and state", samples)
}
