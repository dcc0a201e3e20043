//! What the conformance statement says of the objects is true of those that are made.

use std::collections::BTreeSet;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::ResultKind;
use results::{DESCRIBED, FindingCode, coded_concepts};

use crate::made_up::{all_failed, findings, objects_with, png, positive, report, with_code};
use crate::tree::{items, read, text};

#[test]
fn every_kind_is_described_as_it_is_made() {
    let described: Vec<ResultKind> = DESCRIBED.iter().map(|object| object.kind).collect();
    let of_dicom: Vec<ResultKind> = ResultKind::ALL.into_iter().filter(|kind| kind.is_dicom()).collect();
    assert_eq!(described, of_dicom);
    for described in DESCRIBED {
        let made = objects_with(&positive(), &[described.kind], &|_| Some(png()));
        assert_eq!(made.len(), if described.count.starts_with("one per") { 4 } else { 1 }, "{:?}", described.kind);
        for object in made {
            let header = read(&object);
            let said = |tag: Tag| text(&header, tag);
            assert_eq!(object.sop.unwrap().class.as_str(), described.sop_class);
            assert_eq!(said(tags::MODALITY), described.modality);
            assert_eq!(said(tags::SERIES_NUMBER), described.series_number);
            assert_eq!(said(tags::SERIES_DESCRIPTION), described.series_description);
            let template = items(&header, tags::CONTENT_TEMPLATE_SEQUENCE);
            let template = template.first().map(|item| text(item, tags::TEMPLATE_IDENTIFIER));
            assert_eq!(template.as_deref(), described.template);
        }
    }
}

/// All code items of an object, on every level.
fn codes_of(object: &InMemDicomObject, found: &mut BTreeSet<(String, String, String)>) {
    if object.element_opt(tags::CODE_VALUE).unwrap().is_some() {
        let said = |tag| text(object, tag);
        found.insert((said(tags::CODE_VALUE), said(tags::CODING_SCHEME_DESIGNATOR), said(tags::CODE_MEANING)));
    }
    for element in object.iter() {
        element.items().into_iter().flatten().for_each(|item| codes_of(item, found));
    }
}

#[test]
fn no_object_has_a_code_that_is_not_listed_and_none_is_listed_in_vain() {
    let mut found = BTreeSet::new();
    let mut calibrated = positive();
    findings(&mut calibrated).for_each(|finding| finding.calibrated_probability = Some(0.5));
    for image in &mut calibrated.images {
        image.attributes.as_mut().unwrap().patient_orientation = vec!["P".into(), "FR".into()];
    }
    let mut negative = positive();
    findings(&mut negative).for_each(|finding| finding.score = 0.0);
    let mut partly = report();
    findings(&mut partly).for_each(|finding| finding.score = 0.1);
    for report in [calibrated.clone(), negative, report(), partly, all_failed(), crate::made_up::nothing_scored()] {
        for object in objects_with(&report, &ResultKind::ALL, &|_| Some(png())) {
            if object.sop.is_some() {
                codes_of(&read(&object), &mut found);
            }
        }
    }
    codes_of(&read(&with_code(&calibrated, ResultKind::CadSr, FindingCode::BreastDensity)), &mut found);
    let listed: BTreeSet<_> = coded_concepts()
        .into_iter()
        .map(|(value, scheme, meaning)| (value.into(), scheme.into(), meaning.into()))
        .collect();
    assert_eq!(found.difference(&listed).collect::<Vec<_>>(), Vec::<&(String, String, String)>::new());
    // Mammography stands in FHIR alone.
    let vain: Vec<&str> = listed.difference(&found).map(|(value, ..)| value.as_str()).collect();
    assert_eq!(vain, ["71651007"]);
}
