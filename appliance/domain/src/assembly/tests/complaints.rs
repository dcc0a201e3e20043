//! What users of such systems complain about, as scenarios: numbers and names of section 5 of the clinical rules.

use super::*;

#[test]
fn complaint_2_a_study_fires_while_its_last_image_is_still_arriving() {
    // Three images over a slow line; the fourth takes longer than the quiet time.
    let mut records = four_views(0);
    let fourth = records.pop().unwrap();
    let slow = Senders { is_open: true, is_receiving: true, ..Senders::default() };
    for now in [102, 150, 400, 900] {
        let assembly = with(&records, &Reported::default(), slow, &policy(), now);
        assert_eq!(assembly, Assembly::Until(UnixMillis(1_000)), "at {now}");
    }
    let mut fourth = fourth;
    fourth.received.received_at = UnixMillis(900);
    records.push(fourth);
    let closed = Senders { closed_at: Some(UnixMillis(905)), ..Senders::default() };
    let report = ready(with(&records, &Reported::default(), closed, &policy(), 915));
    assert_eq!((report.trigger, report.revision, report.missing_views.len()), (Trigger::AllViews, 1, 0));
}

#[test]
fn complaint_2_a_unit_that_opens_an_association_per_image_gets_one_report() {
    // Each image closes its association; the next one is opened before the settling time is over.
    let all = four_views(0);
    let mut records = Vec::new();
    for (image, place) in all.into_iter().zip(0_u64..) {
        let now = 95 * (place + 1);
        let mut image = image;
        image.received.received_at = UnixMillis(now);
        records.push(image);
        let between = Senders { closed_at: Some(UnixMillis(now)), ..Senders::default() };
        let assembly = with(&records, &Reported::default(), between, &policy(), now + 9);
        assert!(matches!(assembly, Assembly::Until(_)), "after image {place}: {assembly:?}");
    }
    assert_eq!(ready(at(&records, &Reported::default(), 390)).images.len(), 4);
}

#[test]
fn complaint_3_of_two_results_for_one_exam_the_later_says_that_it_counts() {
    let mut records = four_views(0);
    let first = ready(at(&records, &Reported::default(), 13));
    let reported = Reported::default().after(&first);
    // The archive sends our result back, and the unit sends an image again: neither makes a second result.
    records.push(record(8, 100, Some(InstanceOutcome::Excluded { reason: ExclusionReason::OwnResult })));
    let Assembly::Silent(reported) = at(&records, &reported, 101) else { panic!("a second result") };
    records.push(record(9, 300, scored(Laterality::Left, View::CranioCaudal, 0.9)));
    let second = ready(at(&records, &reported, 310));
    assert_eq!((first.state, first.revision), (StudyState::Final, 1));
    assert_eq!((second.state, second.revision), (StudyState::Revised, 2));
    assert!(first.images.iter().all(|image| second.images.iter().any(|later| later.key == image.key)));
}

#[test]
fn complaint_3_a_provisional_result_is_followed_by_the_final_one_also_when_nothing_more_comes() {
    let mut early = policy();
    early.assembly.provisional_ms = 20;
    let records = four_views(0).split_off(3);
    let step = |reported: &Reported, now| with(&records, reported, Senders::default(), &early, now);
    let first = ready(step(&Reported::default(), 30));
    let second = ready(step(&Reported::default().after(&first), 200));
    assert_eq!((first.state, second.state), (StudyState::Provisional, StudyState::Final));
    assert_ne!(first.fingerprint(), second.fingerprint(), "two objects, though the scores are the same");
}
