use contract::{Digest, Uid};

use super::*;
use crate::eligibility::ImplantPolicy;
use crate::findings::ImageTimings;
use crate::findings::testing::finding;
use crate::report::EXPECTED_VIEWS;
use crate::{AeTitle, FailureReason, ImageFinding, ReceivedInstance, ResultKind, Sop, StoredFile};

fn policy() -> StudyPolicy {
    let assembly = AssemblyPolicy {
        settle_ms: 10,
        quiet_ms: 100,
        longest_ms: 1_000,
        aggregation: Some(Aggregation::Mean),
        ..AssemblyPolicy::default()
    };
    StudyPolicy { assembly, ..StudyPolicy::default() }
}

fn study() -> StudyKey {
    StudyKey(Uid::derived(&["study"]))
}

fn document(kind: ResultKind, name: &str) -> Document {
    let sop = Sop { class: Uid::derived(&["class"]), instance: Uid::derived(&["report", name]) };
    Document { kind, sop }
}

fn record(number: usize, at: u64, outcome: Option<InstanceOutcome>) -> InstanceRecord {
    let received = ReceivedInstance {
        key: InstanceKey(Uid::derived(&["instance", &number.to_string()])),
        study: study(),
        sop_class: Uid::derived(&["class"]),
        calling_ae: AeTitle::parse("UNIT").unwrap(),
        transfer_syntax: Uid::derived(&["syntax"]),
        spool: StoredFile { name: format!("{number}.dcm"), len: 1, sha256: Digest::of(b"a") },
        dataset_sha256: Digest::of(b"a"),
        received_at: UnixMillis(at),
    };
    InstanceRecord { outcome, ..InstanceRecord::waiting(received) }
}

fn scored(side: Laterality, view: View, score: f64) -> Option<InstanceOutcome> {
    let timings = ImageTimings { network_ms: score, ..ImageTimings::default() };
    Some(InstanceOutcome::Scored(Box::new(ImageFinding { timings, ..finding(side, view, score) })))
}

fn four_views(at: u64) -> Vec<InstanceRecord> {
    let views = EXPECTED_VIEWS.into_iter().enumerate();
    views.map(|(number, (side, view))| record(number, at + number as u64, scored(side, view, 0.5))).collect()
}

fn at(records: &[InstanceRecord], reported: &Reported, now: u64) -> Assembly {
    with(records, reported, Senders::default(), &policy(), now)
}

fn with(records: &[InstanceRecord], reported: &Reported, senders: Senders, policy: &StudyPolicy, now: u64) -> Assembly {
    let arrivals: Vec<UnixMillis> = records.iter().map(|record| record.received.received_at).collect();
    let so_far = StudySoFar { records, arrivals: &arrivals, reported, senders };
    assemble(&study(), &so_far, policy, UnixMillis(now))
}

fn ready(assembly: Assembly) -> StudyReport {
    match assembly {
        Assembly::Ready(report) => *report,
        other => panic!("not ready: {other:?}"),
    }
}

#[test]
fn all_views_settle_soon_and_fewer_wait_for_quiet() {
    let records = four_views(1_000);
    let none = Reported::default();
    assert_eq!(at(&records, &none, 1_012), Assembly::Until(UnixMillis(1_013)));
    let report = ready(at(&records, &none, 1_013));
    assert_eq!((report.trigger, report.revision, report.breasts.len()), (Trigger::AllViews, 1, 2));
    assert_eq!((report.missing_views.len(), report.last_received_at), (0, UnixMillis(1_003)));
    assert_eq!(at(&records[..3], &none, 1_013), Assembly::Until(UnixMillis(1_102)));
    let report = ready(at(&records[..3], &none, 1_102));
    assert_eq!(report.trigger, Trigger::QuietTime);
    assert_eq!(report.missing_views, [(Laterality::Left, View::MedioLateralOblique)]);
}

#[test]
fn an_undecided_instance_is_waited_for_until_the_longest_wait() {
    let mut records = four_views(0);
    records.push(record(9, 5, None));
    let none = Reported::default();
    assert_eq!(at(&records, &none, 500), Assembly::Until(UnixMillis(1_000)));
    let report = ready(at(&records, &none, 1_000));
    assert_eq!((report.trigger, report.images.len()), (Trigger::HardCap, 4));
    assert_eq!(at(&records[4..], &none, 5_000), Assembly::Undecided, "nothing is decided: nothing to report");
}

#[test]
fn images_that_keep_coming_do_not_hold_the_report_for_ever() {
    let records: Vec<_> = (0..20)
        .map(|number| record(number, 50 * number as u64, scored(Laterality::Left, View::CranioCaudal, 0.1)))
        .collect();
    assert_eq!(at(&records, &Reported::default(), 999), Assembly::Until(UnixMillis(1_000)));
    assert_eq!(ready(at(&records, &Reported::default(), 1_000)).trigger, Trigger::HardCap);
}

#[test]
fn a_late_image_makes_a_new_revision_with_everything_in_it() {
    let mut records = four_views(0);
    let first = ready(at(&records, &Reported::default(), 100));
    assert_eq!(first.state, StudyState::Final);
    let reported = Reported::default().after(&first).with_documents(vec![document(ResultKind::CadSr, "first")]);
    assert_eq!(at(&records, &reported, 200), Assembly::UpToDate);
    records.push(record(9, 300, scored(Laterality::Right, View::CranioCaudal, 0.9)));
    assert_eq!(at(&records, &reported, 305), Assembly::Until(UnixMillis(310)));
    let second = ready(at(&records, &reported, 310));
    assert_eq!((second.revision, second.images.len(), second.breasts[0].images), (2, 5, 3));
    assert_eq!(second.state, StudyState::Revised);
    assert_ne!(second.fingerprint(), first.fingerprint());
    assert_eq!((first.predecessors, second.predecessors), (Vec::new(), reported.documents));
}

#[test]
fn documents_stay_predecessors_until_others_of_their_kind_replace_them() {
    let records = four_views(0);
    let [cad, measured, again] = [
        document(ResultKind::CadSr, "first"),
        document(ResultKind::ComprehensiveSr, "first"),
        document(ResultKind::CadSr, "second"),
    ];
    let first = ready(at(&records, &Reported::default(), 100));
    let reported = Reported::default().after(&first).with_documents(vec![cad, measured.clone()]);
    let reported = reported.after(&first).with_documents(vec![again.clone()]);
    assert_eq!(reported.documents, [measured, again]);
    assert_eq!(reported.after(&first).documents, reported.documents);
}

#[test]
fn a_report_at_once_is_that_of_the_device() {
    let records = four_views(0);
    let waited = ready(at(&records, &Reported::default(), 100));
    assert_eq!(report_at_once(&study(), &records, &policy()), waited);
    let report = report_at_once(&study(), &records[..3], &policy());
    assert_eq!((report.trigger, report.state), (Trigger::QuietTime, StudyState::Final));
}

#[test]
fn rows_of_the_version_before_are_read() {
    let row = r#"{"revision":2,"instances":["1.2.3"]}"#;
    let reported: Reported = serde_json::from_str(row).unwrap();
    assert_eq!((reported.revision, reported.documents.len()), (2, 0));
    assert_eq!((reported.state(), reported.files_removed), (StudyState::Revised, false));
    let reported = Reported { documents: vec![document(ResultKind::CadSr, "first")], ..reported };
    let again: Reported = serde_json::from_str(&serde_json::to_string(&reported).unwrap()).unwrap();
    assert_eq!(again, reported);
}

#[test]
fn all_series_of_a_study_are_known_as_its_own() {
    let series: BTreeSet<Uid> = ResultKind::ALL.iter().map(|kind| study().result_series(*kind)).collect();
    assert_eq!(series.len(), 4, "Secondary Captures share one");
    assert!(series.iter().all(|series| study().is_result_series(series)));
    let other = StudyKey(Uid::derived(&["other"]));
    assert!(!series.iter().any(|series| other.is_result_series(series)));
    assert_eq!(study().result_series(ResultKind::Summary), Uid::derived(&["mamoru series", study().0.as_str()]));
}

#[test]
fn a_study_without_any_score_is_reported_with_its_reasons() {
    let excluded = Some(InstanceOutcome::Excluded { reason: ExclusionReason::Implant });
    let reason = FailureReason { code: "image_blank".into(), text: "blank".into() };
    let records = [record(0, 0, excluded), record(1, 0, Some(InstanceOutcome::Failed { reason }))];
    let report = ready(at(&records, &Reported::default(), 100));
    assert_eq!((report.breasts.len(), report.missing_views.len(), report.model), (0, 4, None));
    assert_eq!(report.images.len(), 2);
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_a_study() {
    let records = four_views(1_000_000);
    assert!(matches!(at(&records, &Reported::default(), 500), Assembly::Ready(_)));
    assert!(matches!(at(&records, &Reported::default(), 999_950), Assembly::Until(_)), "a small step is only a wait");
}

#[test]
fn the_fingerprint_leaves_times_out() {
    let report = ready(at(&four_views(0), &Reported::default(), 100));
    let mut slower = report.clone();
    if let InstanceOutcome::Scored(finding) = &mut slower.images[0].outcome {
        finding.timings.network_ms = 99.0;
    }
    assert_eq!(slower.fingerprint(), report.fingerprint());
    if let InstanceOutcome::Scored(finding) = &mut slower.images[0].outcome {
        finding.score = 0.51;
    }
    assert_ne!(slower.fingerprint(), report.fingerprint());
}

#[test]
fn our_own_results_coming_back_make_no_revision() {
    let own = || Some(InstanceOutcome::Excluded { reason: ExclusionReason::OwnResult });
    let mut records = four_views(0);
    let reported = Reported::default()
        .after(&ready(at(&records, &Reported::default(), 100)))
        .with_documents(vec![document(ResultKind::CadSr, "first")]);
    records.push(record(9, 50, own()));
    let mut all = reported.clone();
    all.instances.insert(records[4].key().clone());
    assert_eq!(at(&records, &reported, 60), Assembly::Silent(all.clone()), "what was handed over stays known");
    assert_eq!(at(&records, &all, 60), Assembly::UpToDate);
    records.push(record(10, 60, scored(Laterality::Left, View::CranioCaudal, 0.2)));
    assert_eq!(ready(at(&records, &reported, 1_000)).revision, 2, "beside a new image they are listed");
}

mod complaints;
mod notes;
mod waiting;
