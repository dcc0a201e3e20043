//! Rejection notes over time: before their images, after the report, and of images that are not here.

use contract::{CodedConcept, InstanceAttributes, KeyObjects};

use super::*;

/// A rejection note that names the images of these numbers.
fn note(number: usize, at: u64, names: &[usize]) -> InstanceRecord {
    document(number, at, names, ExclusionReason::RejectionNote)
}

fn document(number: usize, at: u64, names: &[usize], reason: ExclusionReason) -> InstanceRecord {
    let instances = names.iter().map(|number| record(*number, 0, None).key().0.clone()).collect();
    let title = Some(CodedConcept { value: "113001".into(), scheme: "DCM".into() });
    let attributes =
        InstanceAttributes { key_objects: Some(KeyObjects { title, instances }), ..InstanceAttributes::default() };
    InstanceRecord { attributes: Some(attributes), ..record(number, at, Some(InstanceOutcome::Excluded { reason })) }
}

fn is_rejected(report: &StudyReport, number: usize) -> bool {
    let key = record(number, 0, None).key().clone();
    let image = report.images.iter().find(|image| image.key == key).expect("every instance is listed");
    matches!(image.outcome, InstanceOutcome::Excluded { reason: ExclusionReason::RejectedByNote })
}

fn silent(assembly: Assembly) -> Reported {
    match assembly {
        Assembly::Silent(reported) => reported,
        other => panic!("not silent: {other:?}"),
    }
}

#[test]
fn a_note_after_the_final_report_makes_a_revision_without_the_image() {
    let mut records = four_views(0);
    let first = ready(at(&records, &Reported::default(), 13));
    let reported = Reported::default().after(&first);
    records.push(note(9, 500, &[1]));
    assert_eq!(at(&records, &reported, 510), Assembly::Until(UnixMillis(600)), "another image may replace it");
    let second = ready(at(&records, &reported, 600));
    assert_eq!((second.revision, second.state, second.breasts[0].images), (2, StudyState::Revised, 1));
    assert!(is_rejected(&second, 1) && !is_rejected(&second, 0));
    assert_eq!(second.missing_views, [(Laterality::Right, View::MedioLateralOblique)]);
    assert_eq!((second.images.len(), second.tally().excluded), (5, 2), "the note is listed too");
    // The image is sent anew with a new UID: it counts.
    let reported = reported.after(&second);
    records.push(record(10, 700, scored(Laterality::Right, View::MedioLateralOblique, 0.9)));
    let third = ready(at(&records, &reported, 710));
    assert_eq!((third.trigger, third.breasts[0].images, third.missing_views.len()), (Trigger::AllViews, 2, 0));
    assert!(is_rejected(&third, 1));
}

#[test]
fn a_note_before_its_images_waits_for_them_without_a_report() {
    let mut records = vec![note(9, 0, &[1])];
    let reported = silent(at(&records, &Reported::default(), 1));
    assert_eq!((reported.revision, reported.state()), (0, StudyState::Collecting));
    assert_eq!(at(&records, &reported, 5_000), Assembly::UpToDate);
    records.extend(four_views(10_000));
    let report = ready(at(&records, &reported, 10_103));
    assert_eq!((report.revision, report.state, report.images.len()), (1, StudyState::Final, 5));
    assert!(is_rejected(&report, 1));
}

#[test]
fn a_note_between_the_images_counts_before_the_first_report() {
    let mut records = four_views(0);
    records.insert(2, note(9, 1, &[0, 3]));
    let report = ready(at(&records, &Reported::default(), 103));
    assert!(is_rejected(&report, 0) && is_rejected(&report, 3));
    assert_eq!(report.revision, 1);
}

#[test]
fn a_note_of_other_images_is_recorded_and_nothing_else() {
    let mut records = four_views(0);
    let reported = Reported::default().after(&ready(at(&records, &Reported::default(), 13)));
    records.push(note(9, 500, &[77]));
    records.push(document(10, 500, &[0], ExclusionReason::KeyObjectSelection));
    let noted = silent(at(&records, &reported, 501));
    assert_eq!((noted.revision, noted.state(), noted.instances.len()), (1, StudyState::Final, 6));
    assert_eq!(at(&records, &noted, 5_000), Assembly::UpToDate);
    // It comes into force when its image comes after all.
    records.push(record(77, 600, scored(Laterality::Left, View::CranioCaudal, 0.9)));
    let second = ready(at(&records, &noted, 700));
    assert!(is_rejected(&second, 77));
    assert_eq!((second.revision, second.breasts[1].images), (2, 2));
}

#[test]
fn a_study_of_which_everything_is_rejected_says_so() {
    let mut records = four_views(0);
    let reported = Reported::default().after(&ready(at(&records, &Reported::default(), 13)));
    records.push(note(9, 500, &[0, 1, 2, 3]));
    let report = ready(at(&records, &reported, 600));
    assert_eq!((report.breasts.len(), report.missing_views.len(), report.model.as_ref()), (0, 4, None));
}

#[test]
fn whatever_the_order_of_arrival_the_last_report_is_the_same() {
    let images = four_views(0);
    let order = |places: [usize; 5]| {
        let all: Vec<InstanceRecord> = images.iter().cloned().chain([note(9, 0, &[2])]).collect();
        let mut records = Vec::new();
        let mut reported = Reported::default();
        let mut last = None;
        for (time, place) in (1..).zip(places) {
            let mut next = all[place].clone();
            next.received.received_at = UnixMillis(10_000 * time);
            records.push(next);
            // Each one is waited for until it is reported or noted.
            match at(&records, &reported, 10_000 * time + 200) {
                Assembly::Ready(report) => {
                    reported = reported.after(&report);
                    last = Some(*report);
                }
                Assembly::Silent(noted) => reported = noted,
                other => panic!("{other:?}"),
            }
        }
        let last = last.unwrap();
        assert!(is_rejected(&last, 2));
        (last.breasts, last.missing_views)
    };
    let expected = order([0, 1, 2, 3, 4]);
    for places in [[4, 0, 1, 2, 3], [2, 4, 0, 1, 3], [3, 2, 1, 4, 0], [0, 4, 1, 3, 2]] {
        assert_eq!(order(places).1, expected.1);
        assert_eq!(order(places).0, expected.0, "{places:?}");
    }
}

#[test]
fn an_implant_that_comes_late_takes_the_scores_of_its_breast_away() {
    let mut records = four_views(0);
    let reported = Reported::default().after(&ready(at(&records, &Reported::default(), 13)));
    let attributes = InstanceAttributes {
        modality: Some("MG".into()),
        image_laterality: Some("L".into()),
        breast_implant: Some("YES".into()),
        ..InstanceAttributes::default()
    };
    let outcome = Some(InstanceOutcome::Excluded { reason: ExclusionReason::Implant });
    records.push(InstanceRecord { attributes: Some(attributes), ..record(9, 500, outcome) });
    let report = ready(at(&records, &reported, 600));
    let sides: Vec<_> = report.breasts.iter().map(|breast| breast.laterality).collect();
    assert_eq!((sides, report.tally().excluded), (vec![Laterality::Right], 3));
    let mut accepting = policy();
    accepting.eligibility.implants = ImplantPolicy::Score;
    assert_eq!(ready(with(&records, &reported, Senders::default(), &accepting, 600)).breasts.len(), 2);
}
