use contract::{CodedConcept, KeyObjects};

use super::*;
use crate::findings::testing::finding;

/// An instance of a made-up study.
#[derive(Clone)]
struct Image {
    key: InstanceKey,
    attributes: InstanceAttributes,
    outcome: InstanceOutcome,
}

fn uid(number: u32) -> Uid {
    Uid::derived(&["instance", &number.to_string()])
}

fn scored(number: u32, laterality: Laterality, view: View) -> Image {
    let attributes = InstanceAttributes {
        modality: Some("MG".into()),
        image_laterality: Some(laterality.letter().into()),
        ..InstanceAttributes::default()
    };
    Image {
        key: InstanceKey(uid(number)),
        attributes,
        outcome: InstanceOutcome::Scored(Box::new(finding(laterality, view, 0.5))),
    }
}

fn excluded(number: u32, reason: ExclusionReason, side: Option<&str>) -> Image {
    let mut image = scored(number, Laterality::Right, View::CranioCaudal);
    image.attributes.image_laterality = side.map(str::to_owned);
    Image { outcome: InstanceOutcome::Excluded { reason }, ..image }
}

fn note(number: u32, names: &[u32]) -> Image {
    let title = CodedConcept { value: "113001".into(), scheme: "DCM".into() };
    let instances = names.iter().map(|number| uid(*number)).collect();
    let mut image = excluded(number, ExclusionReason::RejectionNote, None);
    image.attributes.modality = Some("KO".into());
    image.attributes.key_objects = Some(KeyObjects { title: Some(title), instances });
    image
}

fn decisions(images: &[Image], policy: &EligibilityPolicy) -> Vec<Decision> {
    let judged = |image: &'_ Image| -> (InstanceKey, InstanceAttributes, InstanceOutcome) {
        (image.key.clone(), image.attributes.clone(), image.outcome.clone())
    };
    let owned: Vec<_> = images.iter().map(judged).collect();
    let judged: Vec<Judged<'_>> = owned
        .iter()
        .map(|(key, attributes, outcome)| Judged { key: Some(key), attributes: Some(attributes), outcome })
        .collect();
    decide(&judged, policy)
}

/// The reason of each instance, `None` for a scored one.
fn reasons_by(images: &[Image], policy: &EligibilityPolicy) -> Vec<Option<ExclusionReason>> {
    let reason = |decision: Decision| match decision.outcome {
        InstanceOutcome::Excluded { reason } => Some(reason),
        _ => None,
    };
    decisions(images, policy).into_iter().map(reason).collect()
}

fn reasons(images: &[Image]) -> Vec<Option<ExclusionReason>> {
    reasons_by(images, &EligibilityPolicy::default())
}

fn four_views() -> Vec<Image> {
    (1..).zip(crate::report::EXPECTED_VIEWS).map(|(number, (side, view))| scored(number, side, view)).collect()
}

const REJECTED: Option<ExclusionReason> = Some(ExclusionReason::RejectedByNote);
const NOTE: Option<ExclusionReason> = Some(ExclusionReason::RejectionNote);
const IMPLANT: Option<ExclusionReason> = Some(ExclusionReason::ImplantInBreast);
const REPEATED: Option<ExclusionReason> = Some(ExclusionReason::RepeatedView);

#[test]
fn a_note_rejects_what_it_names_wherever_it_stands() {
    let mut images = four_views();
    images.push(note(9, &[2, 77]));
    assert_eq!(reasons(&images), [None, REJECTED, None, None, NOTE]);
    images.rotate_right(1);
    assert_eq!(reasons(&images), [NOTE, None, REJECTED, None, None], "before its images too");
    images[0].attributes.key_objects = None;
    assert_eq!(reasons(&images)[2], None, "a note that names nothing rejects nothing");
    images[0] = note(9, &[2]);
    images[0].outcome = InstanceOutcome::Excluded { reason: ExclusionReason::KeyObjectSelection };
    assert_eq!(reasons(&images)[2], None, "nor does a document of another title");
}

#[test]
fn a_note_takes_failed_and_excluded_images_too_but_no_document() {
    let failure = crate::FailureReason { code: "decode_damaged".into(), text: "damaged".into() };
    let mut failed = scored(1, Laterality::Right, View::CranioCaudal);
    failed.outcome = InstanceOutcome::Failed { reason: failure };
    let spot = excluded(2, ExclusionReason::SpotCompression, Some("R"));
    let images = [failed, spot, note(3, &[1, 2, 3, 4]), note(4, &[])];
    assert_eq!(reasons(&images), [REJECTED, REJECTED, NOTE, NOTE]);
}

#[test]
fn an_implant_in_one_image_excludes_the_breast_and_no_other() {
    let mut images = four_views();
    images[2].attributes.breast_implant = Some("NO".into());
    let mut implant = excluded(9, ExclusionReason::Implant, Some("L"));
    implant.attributes.breast_implant = Some("YES".into());
    images.push(implant.clone());
    let own = Some(ExclusionReason::Implant);
    assert_eq!(reasons(&images), [None, None, IMPLANT, IMPLANT, own]);
    // Whatever else excludes the image that shows it.
    images[4].outcome = InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView };
    assert_eq!(reasons(&images)[2..4], [IMPLANT, IMPLANT]);
    // Its side is not known: neither breast is scored.
    images[4].attributes.image_laterality = None;
    assert_eq!(reasons(&images)[..4], [IMPLANT; 4]);
    // A displaced implant is one.
    images[4].attributes = InstanceAttributes { view_position: Some("LCCID".into()), ..images[2].attributes.clone() };
    assert_eq!(reasons(&images)[..4], [None, None, IMPLANT, IMPLANT]);
    images[4] = implant;
    images[4].attributes.quality_control = Some("YES".into());
    assert_eq!(reasons(&images)[2..4], [None, None], "a phantom has no breast");
}

#[test]
fn a_rejected_image_shows_no_implant_and_repeats_no_view() {
    let mut images = four_views();
    let mut implant = excluded(9, ExclusionReason::Implant, Some("L"));
    implant.attributes.breast_implant = Some("YES".into());
    let mut later = scored(10, Laterality::Right, View::CranioCaudal);
    images[0].attributes.acquired_at = Some("20260101120000".into());
    later.attributes.acquired_at = Some("20260101120500".into());
    images.extend([implant, later, note(11, &[9, 10])]);
    assert_eq!(reasons(&images), [None, None, None, None, REJECTED, REJECTED, NOTE]);
}

#[test]
fn implants_are_scored_where_the_site_wants_it_and_noted() {
    let mut images = four_views();
    images[0].attributes.breast_implant = Some("YES".into());
    for implants in [ImplantPolicy::Score, ImplantPolicy::ScoreDisplaced] {
        let policy = EligibilityPolicy { implants, ..EligibilityPolicy::default() };
        assert_eq!(reasons_by(&images, &policy), [None; 4]);
        assert_eq!(decisions(&images, &policy)[0].notes, [ImageNote::Implant]);
    }
}

#[test]
fn of_a_repeated_view_the_latest_acquisition_counts_whenever_it_arrived() {
    let at = |number, time: Option<&str>| {
        let mut image = scored(number, Laterality::Right, View::CranioCaudal);
        image.attributes.acquired_at = time.map(str::to_owned);
        image
    };
    let later = at(1, Some("20260101120500.5"));
    let images = [
        later.clone(),
        at(2, Some("20260101120500")),
        at(3, Some("202601011159")),
        scored(4, Laterality::Right, View::MedioLateralOblique),
    ];
    assert_eq!(reasons(&images), [None, REPEATED, REPEATED, None]);
    let said: Vec<_> =
        decisions(&images, &EligibilityPolicy::default()).into_iter().map(|decision| decision.notes).collect();
    assert_eq!(said, [vec![ImageNote::LatestOfView], vec![], vec![], vec![]]);
    // Nothing says which one is the latest: all count, and it is said.
    for other in [None, Some("20260101120500.500000"), Some("20260101"), Some("20260101120501+0100"), Some("later")] {
        let two = [later.clone(), at(2, other)];
        assert_eq!(reasons(&two), [None, None], "{other:?}");
        let said = decisions(&two, &EligibilityPolicy::default());
        assert!(said.iter().all(|decision| decision.notes == [ImageNote::SeveralOfView]), "{other:?}");
    }
    let all = EligibilityPolicy { repeated_views: RepeatedViewPolicy::ScoreAll, ..EligibilityPolicy::default() };
    assert_eq!(reasons_by(&images, &all), [None; 4]);
}

#[test]
fn a_header_that_could_not_be_read_decides_nothing_for_others() {
    let outcome = scored(1, Laterality::Right, View::CranioCaudal).outcome;
    let judged = [Judged { key: None, attributes: None, outcome: &outcome }; 2];
    let decisions = decide(&judged, &EligibilityPolicy::default());
    assert!(decisions.iter().all(|decision| decision.outcome == outcome));
}
