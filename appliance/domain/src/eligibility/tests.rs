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
        bits_allocated: Some(16),
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
    let cases: [(Change, ExclusionReason); 24] = [
        (|a| a.modality = Some("CR".into()), ExclusionReason::NotMammography),
        (|a| a.modality = None, ExclusionReason::NotMammography),
        (for_processing, ExclusionReason::ForProcessing),
        (|a| a.presentation_intent = Some("FOR PROCESSING".into()), ExclusionReason::IntentContradiction),
        (|a| a.sop_class = Uid::parse(MG_FOR_PROCESSING).ok(), ExclusionReason::IntentContradiction),
        (|a| a.sop_class = Uid::parse(SECONDARY_CAPTURE).ok(), ExclusionReason::SopClassNotScored),
        (|a| a.has_pixel_data = false, ExclusionReason::NoPixelData),
        (|a| a.quality_control = Some("YES".into()), ExclusionReason::QualityControl),
        (|a| a.calibration_image = Some("YES".into()), ExclusionReason::QualityControl),
        (|a| a.body_part = Some("PHANTOM".into()), ExclusionReason::QualityControl),
        (|a| a.body_part = Some("HAND".into()), ExclusionReason::NotBreast),
        (|a| a.anatomic_region = Some(concept("91470000")), ExclusionReason::NotBreast),
        (|a| a.breast_implant = Some("YES".into()), ExclusionReason::Implant),
        (|a| a.partial_view = Some("YES".into()), ExclusionReason::PartialView),
        (|a| a.has_partial_view_code = true, ExclusionReason::PartialView),
        (|a| a.magnification = Some(1.8), ExclusionReason::Magnification),
        (|a| a.photometric = Some("RGB".into()), ExclusionReason::NotGrey),
        (|a| a.samples_per_pixel = Some(3), ExclusionReason::NotGrey),
        (|a| a.frames = Some(60), ExclusionReason::SeveralFrames),
        (|a| a.bits_stored = Some(1), ExclusionReason::PixelFormat),
        (|a| a.rows = Some(0), ExclusionReason::PixelFormat),
        (|a| a.bits_allocated = Some(8), ExclusionReason::PixelContradiction),
        (|a| a.pixel_representation = Some(2), ExclusionReason::PixelContradiction),
        (|a| a.view_position = None, ExclusionReason::NoView),
    ];
    for (change, reason) in cases {
        assert_eq!(judged(change), Eligibility::Exclude(reason));
        assert!(!reason.text().is_empty());
    }
}

fn for_processing(attributes: &mut InstanceAttributes) {
    attributes.sop_class = Uid::parse(MG_FOR_PROCESSING).ok();
    attributes.presentation_intent = Some("FOR PROCESSING".into());
}

#[test]
fn reasons_are_stable_words() {
    for (reason, word) in [
        (ExclusionReason::RejectedByNote, "rejected_by_note"),
        (ExclusionReason::RejectionNote, "rejection_note"),
        (ExclusionReason::KeyObjectSelection, "key_object_selection"),
        (ExclusionReason::ImplantInBreast, "implant_in_breast"),
        (ExclusionReason::RepeatedView, "repeated_view"),
        (ExclusionReason::LateralityContradiction, "laterality_contradiction"),
        (ExclusionReason::ViewCodeUnknown, "view_code_unknown"),
    ] {
        assert_eq!(serde_json::to_value(reason).unwrap(), word);
    }
}

#[test]
fn complaint_12_a_mammogram_is_taken_as_each_vendor_writes_it() {
    type Change = fn(&mut InstanceAttributes);
    let cases: [(&str, Change); 9] = [
        ("region in legacy code", |a| a.anatomic_region = Some(legacy("T-04000"))),
        ("region of a private scheme", |a| {
            a.anatomic_region = Some(CodedConcept { value: "1".into(), scheme: "99A".into() })
        }),
        ("intent left out", |a| a.presentation_intent = None),
        ("signed pixels", |a| a.pixel_representation = Some(1)),
        ("laterality in the functional groups alone", |a| {
            (a.image_laterality, a.frame_laterality) = (None, Some("R".into()));
        }),
        ("laterality of the series alone", |a| (a.image_laterality, a.laterality) = (None, Some("R".into()))),
        ("side and view in one word", |a| (a.image_laterality, a.view_position) = (None, Some("RCC".into()))),
        ("side and view in words", |a| (a.image_laterality, a.view_position) = (None, Some("Right_CC".into()))),
        ("both lateralities of the series and the image", |a| a.laterality = Some("R".into())),
    ];
    for (what, change) in cases {
        assert_eq!(judged(change), RIGHT_CC, "{what}");
    }
}

fn concept(value: &str) -> CodedConcept {
    CodedConcept { value: value.into(), scheme: "SCT".into() }
}

fn legacy(value: &str) -> CodedConcept {
    CodedConcept { value: value.into(), scheme: "SNM3".into() }
}

#[test]
fn codes_win_over_text_and_legacy_codes_are_known() {
    for (code, view) in [
        (concept("399368009"), View::MedioLateralOblique),
        (legacy("R-10226"), View::MedioLateralOblique),
        (CodedConcept { scheme: "SRT".into(), ..concept("R-10242") }, View::CranioCaudal),
    ] {
        let expected = Eligibility::Score { laterality: Laterality::Right, view };
        let seen = |text: Option<&str>| {
            judged(|a| (a.view_code, a.view_position) = (Some(code.clone()), text.map(str::to_owned)))
        };
        assert_eq!(seen(None), expected);
        assert_eq!(seen(Some("R 2D")), expected, "words that are no view say nothing");
    }
}

#[test]
fn every_other_view_is_excluded_by_code_and_by_word() {
    for code in ["399260004", "399352003", "399099002", "399196006", "399188001", "441555000", "399192008", "399101009"]
    {
        let seen = judged(|a| (a.view_code, a.view_position) = (Some(concept(code)), None));
        assert_eq!(seen, Eligibility::Exclude(ExclusionReason::NotScreeningView), "{code}");
    }
    for word in ["ML", "LM", "LMO", "FB", "SIO", "ISO", "XCCL", "XCCM", "XCC", "AT", "CV", "RXCCL", "L ML"] {
        let seen = judged(|a| (a.image_laterality, a.laterality, a.view_position) = (None, None, Some(word.into())));
        let hinted = judged(|a| a.view_position = Some(word.trim_start_matches("L ").into()));
        assert!(matches!(seen, Eligibility::Exclude(_)), "{word}");
        assert_eq!(hinted, Eligibility::Exclude(ExclusionReason::NotScreeningView), "{word}");
    }
    let specimen = judged(|a| (a.view_code, a.view_position) = (Some(legacy("G-8310")), None));
    assert_eq!(specimen, Eligibility::Exclude(ExclusionReason::Specimen));
}

#[test]
fn what_is_unknown_or_contradicts_itself_is_never_guessed() {
    type Change = fn(&mut InstanceAttributes);
    let cases: [(Change, ExclusionReason); 14] = [
        (|a| a.image_laterality = Some("B".into()), ExclusionReason::BothBreasts),
        (|a| a.image_laterality = Some("U".into()), ExclusionReason::LateralityUnknown),
        (|a| (a.image_laterality, a.laterality) = (None, Some("X".into())), ExclusionReason::LateralityUnknown),
        (|a| a.image_laterality = None, ExclusionReason::NoLaterality),
        (|a| a.image_laterality = Some(" ".into()), ExclusionReason::NoLaterality),
        (|a| a.laterality = Some("L".into()), ExclusionReason::LateralityContradiction),
        (|a| a.frame_laterality = Some("L".into()), ExclusionReason::LateralityContradiction),
        (|a| a.view_position = Some("LCC".into()), ExclusionReason::LateralityContradiction),
        (|a| a.view_code = Some(concept("1")), ExclusionReason::ViewCodeUnknown),
        (
            |a| a.view_code = Some(CodedConcept { scheme: "99ACME".into(), ..concept("399162004") }),
            ExclusionReason::ViewCodeUnknown,
        ),
        (|a| a.view_position = Some("AP".into()), ExclusionReason::ViewTextUnknown),
        (|a| a.view_position = Some("CC MLO".into()), ExclusionReason::ViewContradiction),
        (|a| a.view_code = Some(concept("399368009")), ExclusionReason::ViewContradiction),
        (
            |a| (a.view_code, a.view_position) = (Some(concept("399162004")), Some("XCCL".into())),
            ExclusionReason::ViewContradiction,
        ),
    ];
    for (change, reason) in cases {
        assert_eq!(judged(change), Eligibility::Exclude(reason));
    }
    // Image Laterality B leaves the answer to the next attribute.
    assert_eq!(judged(|a| (a.image_laterality, a.laterality) = (Some("B".into()), Some("R".into()))), RIGHT_CC);
}

#[test]
fn each_modifier_has_its_reason_in_both_codes() {
    for (sct, srt, reason) in [
        ("399163009", "R-102D6", ExclusionReason::Magnification),
        ("399055006", "R-102D7", ExclusionReason::SpotCompression),
        ("399110001", "R-102C2", ExclusionReason::Tangential),
        ("127457009", "G-8310", ExclusionReason::Specimen),
        ("399209000", "R-102D5", ExclusionReason::Implant),
        ("399161006", "R-102D2", ExclusionReason::ViewModifier),
        ("442580003", "R-40AB2", ExclusionReason::ViewModifier),
        ("1", "X", ExclusionReason::ViewModifierUnknown),
    ] {
        for code in [concept(sct), legacy(srt)] {
            assert_eq!(judged(|a| a.view_modifiers = vec![code.clone()]), Eligibility::Exclude(reason), "{sct}");
        }
    }
    let bare = CodedConcept { scheme: String::new(), ..concept("399055006") };
    assert_eq!(judged(|a| a.view_modifiers = vec![bare]), Eligibility::Exclude(ExclusionReason::ViewModifierUnknown));
}

#[test]
fn implants_are_a_matter_of_policy() {
    let implant = |displaced: bool| {
        let mut attributes = mammogram();
        attributes.breast_implant = Some("YES".into());
        attributes.view_modifiers = if displaced { vec![concept("399209000")] } else { vec![] };
        attributes
    };
    let excluded = Eligibility::Exclude(ExclusionReason::Implant);
    for (implants, whole, displaced) in [
        (ImplantPolicy::ExcludeBreast, excluded, excluded),
        (ImplantPolicy::ScoreDisplaced, excluded, RIGHT_CC),
        (ImplantPolicy::Score, RIGHT_CC, RIGHT_CC),
    ] {
        let policy = EligibilityPolicy { implants, ..EligibilityPolicy::default() };
        assert_eq!(judge(&implant(false), &policy, None), whole, "{implants:?}");
        assert_eq!(judge(&implant(true), &policy, None), displaced, "{implants:?}");
        let mut in_words = implant(false);
        in_words.view_position = Some("CCID".into());
        assert_eq!(judge(&in_words, &policy, None), displaced, "{implants:?}");
        // Another modifier beside the displaced implant is a reason all the same.
        let mut spot = implant(true);
        spot.view_modifiers.push(concept("399055006"));
        assert_ne!(judge(&spot, &policy, None), RIGHT_CC);
        let mut denied = implant(true);
        denied.breast_implant = Some("NO".into());
        assert_eq!(judge(&denied, &policy, None), Eligibility::Exclude(ExclusionReason::ImplantContradiction));
    }
    assert_eq!(implant_side(&implant(false)), Some(Some(Laterality::Right)));
    assert_eq!(implant_side(&mammogram()), None);
}

#[test]
fn burned_in_text_is_noted_or_excluded_and_lossy_compression_noted() {
    let mut attributes = mammogram();
    attributes.burned_in_annotation = Some("YES".into());
    attributes.lossy_compression = Some("01".into());
    assert_eq!(judge(&attributes, &EligibilityPolicy::default(), None), RIGHT_CC);
    assert_eq!(notes(&attributes), [ImageNote::LossyCompression, ImageNote::BurnedInAnnotation]);
    let policy = EligibilityPolicy { burned_in_annotation: BurnedInPolicy::Exclude, ..EligibilityPolicy::default() };
    assert_eq!(judge(&attributes, &policy, None), Eligibility::Exclude(ExclusionReason::BurnedInAnnotation));
    assert_eq!(judge(&mammogram(), &policy, None), RIGHT_CC);
    assert_eq!(notes(&mammogram()), []);
}

#[test]
fn key_object_selections_are_told_apart_by_their_title() {
    let document = |title: Option<(&str, &str)>| {
        let title = title.map(|(value, scheme)| CodedConcept { value: value.into(), scheme: scheme.into() });
        let attributes = InstanceAttributes {
            sop_class: Uid::parse(KEY_OBJECT_SELECTION).ok(),
            modality: Some("KO".into()),
            key_objects: Some(contract::KeyObjects { title, instances: Vec::new() }),
            ..InstanceAttributes::default()
        };
        judge(&attributes, &EligibilityPolicy::default(), None)
    };
    for title in ["113001", "113037", "113038"] {
        assert_eq!(document(Some((title, "DCM"))), Eligibility::Exclude(ExclusionReason::RejectionNote), "{title}");
    }
    for title in [Some(("113000", "DCM")), Some(("113039", "DCM")), Some(("113001", "99ACME")), None] {
        assert_eq!(document(title), Eligibility::Exclude(ExclusionReason::KeyObjectSelection), "{title:?}");
    }
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
