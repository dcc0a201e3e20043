use contract::{CodedConcept, Uid};

use super::*;

fn mammogram() -> InstanceAttributes {
    let text = |text: &str| Some(text.to_owned());
    InstanceAttributes {
        sop_class: Uid::parse(MG_FOR_PRESENTATION).ok(),
        modality: text("MG"),
        presentation_intent: text("FOR PRESENTATION"),
        image_laterality: text("R"),
        view_position: text("CC"),
        photometric: text("MONOCHROME2"),
        samples_per_pixel: Some(1),
        rows: Some(100),
        columns: Some(100),
        bits_stored: Some(12),
        has_pixel_data: true,
        ..InstanceAttributes::default()
    }
}

fn judged(change: impl FnOnce(&mut InstanceAttributes)) -> Eligibility {
    let mut attributes = mammogram();
    change(&mut attributes);
    judge(&attributes, &EligibilityPolicy::default(), None)
}

const RIGHT_CC: Eligibility = Eligibility::Score { laterality: Laterality::Right, view: View::CranioCaudal };

#[test]
fn a_screening_view_is_scored() {
    assert_eq!(judged(|_| {}), RIGHT_CC);
    assert_eq!(judged(|a| a.image_type = vec!["DERIVED".into()]), RIGHT_CC, "DERIVED is no reason");
}

#[test]
fn each_rule_has_its_reason() {
    type Change = fn(&mut InstanceAttributes);
    let cases: [(Change, ExclusionReason); 17] = [
        (|a| a.modality = Some("CR".into()), ExclusionReason::NotMammography),
        (|a| a.sop_class = Uid::parse(MG_FOR_PROCESSING).ok(), ExclusionReason::ForProcessing),
        (|a| a.presentation_intent = Some("FOR PROCESSING".into()), ExclusionReason::IntentContradiction),
        (|a| a.sop_class = Uid::parse(SECONDARY_CAPTURE).ok(), ExclusionReason::SopClassNotScored),
        (|a| a.has_pixel_data = false, ExclusionReason::NoPixelData),
        (|a| a.quality_control = Some("YES".into()), ExclusionReason::QualityControl),
        (|a| a.body_part = Some("HAND".into()), ExclusionReason::NotBreast),
        (|a| a.breast_implant = Some("YES".into()), ExclusionReason::Implant),
        (|a| a.partial_view = Some("YES".into()), ExclusionReason::PartialView),
        (|a| a.magnification = Some(1.8), ExclusionReason::Magnification),
        (|a| a.view_modifiers = vec![concept("399163009")], ExclusionReason::ViewModifier),
        (|a| a.photometric = Some("RGB".into()), ExclusionReason::NotGrey),
        (|a| a.frames = Some(60), ExclusionReason::SeveralFrames),
        (|a| a.bits_stored = Some(1), ExclusionReason::PixelFormat),
        (|a| a.image_laterality = Some("B".into()), ExclusionReason::NoLaterality),
        (|a| a.view_position = None, ExclusionReason::NoView),
        (|a| a.view_position = Some("ML".into()), ExclusionReason::NotScreeningView),
    ];
    for (change, reason) in cases {
        assert_eq!(judged(change), Eligibility::Exclude(reason));
        assert!(!reason.text().is_empty());
    }
}

fn concept(value: &str) -> CodedConcept {
    CodedConcept { value: value.into(), scheme: "SCT".into() }
}

#[test]
fn codes_win_over_text_and_legacy_codes_are_known() {
    for (code, view) in [
        ("399368009", View::MedioLateralOblique),
        ("R-10226", View::MedioLateralOblique),
        ("R-10242", View::CranioCaudal),
    ] {
        let expected = Eligibility::Score { laterality: Laterality::Right, view };
        assert_eq!(judged(|a| a.view_code = Some(concept(code))), expected, "{code}");
    }
    let other = judged(|a| a.view_code = Some(concept("399260004")));
    assert_eq!(other, Eligibility::Exclude(ExclusionReason::NotScreeningView));
}

#[test]
fn laterality_is_found_where_sites_put_it() {
    let left_mlo = Eligibility::Score { laterality: Laterality::Left, view: View::MedioLateralOblique };
    let moved = judged(|a| {
        a.image_laterality = None;
        a.view_position = Some("LEFT MLO".into());
    });
    assert_eq!(moved, left_mlo);
    let mut attributes = mammogram();
    attributes.image_laterality = None;
    attributes.laterality = Some("R".into());
    assert_eq!(
        judge(&attributes, &EligibilityPolicy::default(), Some(Laterality::Left)),
        RIGHT_CC,
        "a hint never wins"
    );
    attributes.laterality = None;
    let hinted = judge(&attributes, &EligibilityPolicy::default(), Some(Laterality::Right));
    assert_eq!(hinted, RIGHT_CC);
}

#[test]
fn digitised_film_is_a_matter_of_policy() {
    let mut film = mammogram();
    film.sop_class = Uid::parse(SECONDARY_CAPTURE).ok();
    film.view_position = None;
    let policy = EligibilityPolicy {
        accept_secondary_capture: true,
        view_from_patient_orientation: true,
        ..EligibilityPolicy::default()
    };
    let expected = Eligibility::Score { laterality: Laterality::Right, view: View::MedioLateralOblique };
    for orientation in [vec!["A", "FL"], vec!["P", "HR"], vec!["MLO"]] {
        film.patient_orientation = orientation.into_iter().map(str::to_owned).collect();
        assert_eq!(judge(&film, &policy, None), expected);
    }
    for orientation in [vec!["A", "L"], vec!["CC"]] {
        film.patient_orientation = orientation.into_iter().map(str::to_owned).collect();
        assert_eq!(judge(&film, &policy, None), RIGHT_CC);
    }
    film.patient_orientation = vec!["L".into(), "F".into()];
    assert_eq!(judge(&film, &policy, None), Eligibility::Exclude(ExclusionReason::NoView));
}
