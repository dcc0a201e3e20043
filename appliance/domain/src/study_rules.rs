//! Rules that need the whole study, because images arrive one by one: what a rejection note names is not scored, nor a
//! breast of which any image shows an implant, nor an image that was repeated.
//!
//! A pure function of what is known of all instances, applied at each assembly: nothing of it is stored, so that a note
//! counts whether it comes before its images or after their report, and a crash changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use contract::{InstanceAttributes, Uid};

use crate::eligibility::{EligibilityPolicy, ImageNote, ImplantPolicy, RepeatedViewPolicy, implant_side, notes};
use crate::{ExclusionReason, InstanceKey, InstanceOutcome, Laterality, View};

/// One decided instance of a study.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// SOP Instance UID, when the header could be read.
    pub key: Option<&'a InstanceKey>,
    /// Its attributes, when the header could be read.
    pub attributes: Option<&'a InstanceAttributes>,
    /// What became of it by itself.
    pub outcome: &'a InstanceOutcome,
}

/// What the study makes of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What became of it.
    pub outcome: InstanceOutcome,
    /// What is said beside it, if it is scored.
    pub notes: Vec<ImageNote>,
}

/// Decides for all instances of one study, in their order: rejection notes first, then implants, then repeated views.
#[must_use]
pub fn decide(images: &[Judged<'_>], policy: &EligibilityPolicy) -> Vec<Decision> {
    let rejected = rejected(images);
    let is_rejected = |image: &Judged<'_>| image.key.is_some_and(|key| rejected.contains(&key.0));
    let mut reasons: Vec<Option<ExclusionReason>> = images
        .iter()
        .map(|image| (is_rejected(image) && !is_document(image)).then_some(ExclusionReason::RejectedByNote))
        .collect();
    if policy.implants == ImplantPolicy::ExcludeBreast {
        exclude_breasts_with_implants(images, &mut reasons);
    }
    let repeated = judge_repeated_views(images, &mut reasons, policy.repeated_views);
    let decision = |(index, image): (usize, &Judged<'_>)| match reasons[index] {
        Some(reason) => Decision { outcome: InstanceOutcome::Excluded { reason }, notes: Vec::new() },
        None => {
            let own = image.attributes.filter(|_| scored_view(image).is_some()).map(notes).unwrap_or_default();
            let notes = own.into_iter().chain(repeated.get(&index).copied()).collect();
            Decision { outcome: image.outcome.clone(), notes }
        }
    };
    images.iter().enumerate().map(decision).collect()
}

/// The instances that rejection notes of this study name.
fn rejected<'a>(images: &[Judged<'a>]) -> BTreeSet<&'a Uid> {
    let notes = images.iter().filter(|image| excluded_for(image) == Some(ExclusionReason::RejectionNote));
    notes.flat_map(named_by).collect()
}

/// What a Key Object Selection Document names.
pub(crate) fn named_by<'a>(image: &Judged<'a>) -> impl Iterator<Item = &'a Uid> + use<'a> {
    let document = image.attributes.and_then(|attributes| attributes.key_objects.as_ref());
    document.into_iter().flat_map(|document| &document.instances)
}

/// The reason for which an instance by itself is excluded.
pub(crate) const fn excluded_for(image: &Judged<'_>) -> Option<ExclusionReason> {
    match image.outcome {
        InstanceOutcome::Excluded { reason } => Some(*reason),
        _ => None,
    }
}

fn is_document(image: &Judged<'_>) -> bool {
    excluded_for(image).is_some_and(ExclusionReason::is_document)
}

fn scored_view(image: &Judged<'_>) -> Option<(Laterality, View)> {
    match image.outcome {
        InstanceOutcome::Scored(finding) => Some((finding.laterality, finding.view)),
        _ => None,
    }
}

/// Breast Implant Present is written per image, but holds for the breast. An image that was rejected says nothing: it may
/// be of another patient. One that shows an implant and no side may be of either breast, so that neither is scored.
fn exclude_breasts_with_implants(images: &[Judged<'_>], reasons: &mut [Option<ExclusionReason>]) {
    let standing = images.iter().zip(reasons.iter()).filter(|(_, reason)| reason.is_none());
    let sides: Vec<Option<Laterality>> =
        standing.filter_map(|(image, _)| image.attributes.and_then(implant_side)).collect();
    let has_implant = |side: Laterality| sides.iter().any(|found| found.is_none_or(|found| found == side));
    for (image, reason) in images.iter().zip(reasons) {
        if reason.is_none() && scored_view(image).is_some_and(|(side, _)| has_implant(side)) {
            *reason = Some(ExclusionReason::ImplantInBreast);
        }
    }
}

/// Excludes all but the latest image of a view, as far as the policy wants it and the headers say which one that is.
/// Returns what is said beside those that stay.
fn judge_repeated_views(
    images: &[Judged<'_>],
    reasons: &mut [Option<ExclusionReason>],
    policy: RepeatedViewPolicy,
) -> BTreeMap<usize, ImageNote> {
    let mut views: BTreeMap<(Laterality, View), Vec<usize>> = BTreeMap::new();
    for (index, image) in images.iter().enumerate().filter(|(index, _)| reasons[*index].is_none()) {
        if let Some(view) = scored_view(image) {
            views.entry(view).or_default().push(index);
        }
    }
    let mut said = BTreeMap::new();
    for indices in views.into_values().filter(|indices| indices.len() > 1) {
        let latest = match policy {
            RepeatedViewPolicy::KeepLatest => latest(images, &indices),
            RepeatedViewPolicy::ScoreAll => None,
        };
        for index in indices {
            match latest {
                Some(latest) if index != latest => reasons[index] = Some(ExclusionReason::RepeatedView),
                Some(latest) => drop(said.insert(latest, ImageNote::LatestOfView)),
                None => drop(said.insert(index, ImageNote::SeveralOfView)),
            }
        }
    }
    said
}

/// The image that was acquired after all others of `indices`; `None` where a header does not say when, where two say the
/// same, or where the times are in different time zones, as far as is known.
fn latest(images: &[Judged<'_>], indices: &[usize]) -> Option<usize> {
    let time = |index: &usize| Acquired::parse(images[*index].attributes?.acquired_at.as_deref()?);
    let times: Vec<Acquired> = indices.iter().map(time).collect::<Option<_>>()?;
    if times.iter().any(|time| time.zone != times[0].zone) {
        return None;
    }
    let last = times.iter().max()?;
    let mut latest = indices.iter().zip(&times).filter(|(_, time)| *time == last).map(|(index, _)| *index);
    let first = latest.next();
    if latest.next().is_some() { None } else { first }
}

/// A date and time of DICOM (PS3.5 section 6.2, VR DT, or DA and TM), to the minute at least.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Acquired {
    /// Digits to the microsecond: what is left out is zero.
    digits: String,
    /// Offset from UTC as it is written; empty when the header has none.
    zone: String,
}

impl Acquired {
    fn parse(text: &str) -> Option<Self> {
        let (time, zone) = text.split_at(text.find(['+', '-']).unwrap_or(text.len()));
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_time = (12..=14).contains(&seconds.len()) && is_number(seconds) && is_number(fraction);
        is_time.then(|| Self { digits: format!("{seconds:0<14}{fraction:0<6}"), zone: zone.to_owned() })
    }
}

#[cfg(test)]
mod tests;
