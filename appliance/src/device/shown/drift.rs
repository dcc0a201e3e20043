//! How scores and exclusions lie by unit, now and before: a change of a unit shows here before anybody reads a wrong score.

use std::collections::BTreeMap;

use console::{Band, Fault, Histogram, Measure, Source};
use domain::{InstanceOutcome, InstanceRecord, UnixMillis};

use super::{Shown, broken};
use crate::device::now;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// What counts as now.
const NOW_DAYS: u64 = 7;
/// What counts as before, ahead of that.
const BEFORE_DAYS: u64 = 30;
const SPANS: &str = "30 days before, last 7 days";
/// Bands of scores.
const SCORE_BANDS: usize = 10;
/// Bands of a histogram at most.
const BANDS_MAX: usize = 20;
/// Images on either side from which on shapes are compared.
const IMAGES_MIN: u64 = 30;
/// Population stability index from which on a shift counts as one.
const STABILITY_MAX: f64 = 0.25;

/// Images of one unit by band, before and now.
#[derive(Default)]
struct Counts {
    scores: [(u64, u64); SCORE_BANDS],
    exclusions: BTreeMap<&'static str, (u64, u64)>,
    all: (u64, u64),
}

/// Histograms of each unit that sent images in the last weeks.
pub fn histograms(shown: &Shown) -> Result<Vec<Histogram>, Fault> {
    let now = now();
    let start = UnixMillis(now.0.saturating_sub((NOW_DAYS + BEFORE_DAYS) * DAY_MS));
    let mut sources: BTreeMap<(String, String), Counts> = BTreeMap::new();
    let studies = shown.queue().latest_studies(usize::MAX).map_err(broken)?;
    for study in studies.into_iter().take_while(|study| study.last_received_at >= start) {
        let Some(record) = shown.queue().study(&study.study).map_err(broken)? else { continue };
        for instance in record.instances.iter().filter(|instance| instance.received.received_at >= start) {
            sources.entry(source_of(instance)).or_default().add(instance, now);
        }
    }
    let was_there_before = sources.values().any(|counts| counts.all.0 > 0);
    let of_source = |((manufacturer, model), counts): ((String, String), Counts)| {
        let source = Source { manufacturer, model, software: "not kept".into() };
        counts.histograms(&source, was_there_before)
    };
    Ok(sources.into_iter().flat_map(of_source).collect())
}

fn source_of(instance: &InstanceRecord) -> (String, String) {
    let attributes = instance.attributes.as_ref();
    let text = |value: Option<&String>| match value.map(|value| value.trim()).filter(|value| !value.is_empty()) {
        Some(value) => drawing::clipped(value, 64),
        None => "not said".to_owned(),
    };
    let manufacturer = text(attributes.and_then(|attributes| attributes.manufacturer.as_ref()));
    (manufacturer, text(attributes.and_then(|attributes| attributes.manufacturer_model.as_ref())))
}

impl Counts {
    fn add(&mut self, instance: &InstanceRecord, now: UnixMillis) {
        let is_now = now.0.saturating_sub(instance.received.received_at.0) < NOW_DAYS * DAY_MS;
        let count = |pair: &mut (u64, u64)| if is_now { pair.1 += 1 } else { pair.0 += 1 };
        match &instance.outcome {
            Some(InstanceOutcome::Scored(finding)) => {
                let band = (finding.score * SCORE_BANDS as f64) as usize;
                count(&mut self.scores[band.min(SCORE_BANDS - 1)]);
            }
            Some(InstanceOutcome::Excluded { reason }) => count(self.exclusions.entry(reason.text()).or_default()),
            Some(InstanceOutcome::Failed { .. }) | None => return,
        }
        count(&mut self.all);
    }

    fn histograms(self, source: &Source, was_there_before: bool) -> Vec<Histogram> {
        let is_new = was_there_before && self.all.0 == 0;
        let new =
            is_new.then(|| "the first images of this unit or of its new software: look at their scores".to_owned());
        let label = |band: usize| format!("{:.1} to {:.1}", band as f64 / 10.0, (band + 1) as f64 / 10.0);
        let scores: Vec<Band> = self
            .scores
            .iter()
            .enumerate()
            .map(|(band, (before, now))| Band { label: label(band), before: *before, now: *now })
            .collect();
        // How many are excluded counts as well as why.
        let (scored_before, scored_now) = self.scores.iter().fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        let scored = Band { label: "scored".into(), before: scored_before, now: scored_now };
        let excluded =
            self.exclusions.into_iter().map(|(reason, (before, now))| Band { label: reason.to_owned(), before, now });
        let exclusions: Vec<Band> = std::iter::once(scored).chain(excluded).take(BANDS_MAX).collect();
        let histogram = |measure, bands: Vec<Band>| Histogram {
            source: source.clone(),
            measure,
            spans: SPANS.into(),
            attention: new.clone().or_else(|| shift(&bands)),
            bands,
        };
        vec![histogram(Measure::Score, scores), histogram(Measure::Exclusion, exclusions)]
    }
}

/// What a person should know of a shift; nothing where there are too few images to say so.
fn shift(bands: &[Band]) -> Option<String> {
    let sum = |of: fn(&Band) -> u64| bands.iter().map(of).sum::<u64>();
    let (before, now) = (sum(|band| band.before), sum(|band| band.now));
    if before < IMAGES_MIN || now < IMAGES_MIN {
        return None;
    }
    // Half an image in an empty band, so that it has a logarithm.
    let share = |count: u64, all: u64| (count as f64).max(0.5) / all as f64;
    let index: f64 = bands
        .iter()
        .filter(|band| band.before + band.now > 0)
        .map(|band| {
            let (then, this) = (share(band.before, before), share(band.now, now));
            (this - then) * (this / then).ln()
        })
        .sum();
    (index > STABILITY_MAX).then(|| {
        format!("they lie otherwise than before (stability index {index:.2}): look at the unit and its images")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands(pairs: &[(u64, u64)]) -> Vec<Band> {
        pairs.iter().map(|(before, now)| Band { label: String::new(), before: *before, now: *now }).collect()
    }

    #[test]
    fn a_shift_of_many_images_is_told_and_one_of_few_is_not() {
        assert_eq!(shift(&bands(&[(50, 50), (50, 50)])), None);
        assert_eq!(shift(&bands(&[(500, 10), (500, 10)])), None, "too few now");
        let told = shift(&bands(&[(90, 10), (10, 90)])).unwrap();
        assert!(told.contains("stability index 3.52"), "{told}");
        assert!(shift(&bands(&[(100, 60), (0, 40)])).is_some(), "an empty band");
        assert_eq!(shift(&bands(&[(400, 38), (600, 62)])), None, "chance");
    }

    #[test]
    fn a_unit_that_was_never_seen_raises_attention_only_beside_others() {
        let source = Source { manufacturer: "A".into(), model: "B".into(), software: "not kept".into() };
        let counts = |all| Counts { all, ..Counts::default() };
        let attention = |all, others| counts(all).histograms(&source, others)[0].attention.is_some();
        assert_eq!((attention((0, 5), true), attention((0, 5), false), attention((1, 5), true)), (true, false, false));
    }
}
