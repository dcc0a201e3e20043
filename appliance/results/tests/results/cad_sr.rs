//! Mammography CAD SR, read back.

use contract::{Target, Threshold, Uid};
use dicom_dictionary_std::tags;
use domain::findings::Call;
use domain::{Document, InstanceOutcome, Laterality, ResultKind, Sop, StudyReport, StudyState, View};
use results::FindingCode;

use crate::made_up::{
    all_failed, excluded, findings, image, negative, nothing_scored, one, positive, report, with_code,
};
use crate::tree::{Node, items, read, text, tree};

const SUMMARY: &str = "111017";
const IMPRESSION: &str = "111034";
const INTENT: &str = "111056";
const REQUIRED: &str = "111150";
const NOT_PRESENTED: &str = "111152";
const COMPOSITE: &str = "111015";
const FINDING: &str = "111059";
const CERTAINTY: &str = "111012";
const PROBABILITY: &str = "111047";
const DETECTIONS: &str = "111064";

fn cad(report: &StudyReport) -> Node {
    tree(&one(report, ResultKind::CadSr))
}

fn drawn(report: &StudyReport) -> Node {
    tree(&with_code(report, ResultKind::CadSr, FindingCode::BreastDensity))
}

#[test]
fn a_study_without_images_to_refer_to_has_no_report() {
    let mut report = report();
    report.images.iter_mut().for_each(|image| image.series = None);
    for kind in [ResultKind::CadSr, ResultKind::ComprehensiveSr, ResultKind::PresentationState] {
        assert!(crate::made_up::objects_with(&report, &[kind], &|_| None).is_empty(), "{kind:?}");
    }
    report.images = vec![image(1, excluded(domain::ExclusionReason::OwnResult))];
    assert!(crate::made_up::objects_with(&report, &[ResultKind::CadSr], &|_| None).is_empty(), "only our own");
}

#[test]
fn a_failed_study_says_so_and_lists_its_images() {
    let tree = cad(&all_failed());
    assert_eq!((tree.one(SUMMARY).value.as_str(), tree.one(DETECTIONS).value.as_str()), ("111245", "111224"));
    let failed = tree.one("111025");
    let positions: Vec<&str> = failed.values("").into_iter().filter(|value| value.starts_with("1.2.")).collect();
    assert_eq!(positions, ["1.2.1", "1.2.2"]);
    assert!(tree.all("111063").is_empty() && tree.all(IMPRESSION).is_empty());
    assert!(tree.one("111033").value.contains("No image was scored. "), "{:?}", tree.one("111033"));
    // Nothing was even tried where all images are excluded.
    let tree = cad(&nothing_scored());
    assert_eq!((tree.one(SUMMARY).value.as_str(), tree.one(DETECTIONS).value.as_str()), ("111245", "111225"));
}

#[test]
fn a_partial_study_says_what_is_missing() {
    let object = one(&report(), ResultKind::CadSr);
    let header = read(&object);
    assert_eq!(text(&header, tags::COMPLETION_FLAG), "PARTIAL");
    let why = text(&header, tags::COMPLETION_FLAG_DESCRIPTION);
    assert_eq!(why, "missing: L CC, L MLO; failed images: 1");
    let mut worse = report();
    worse.missing_views = domain::report::EXPECTED_VIEWS.repeat(9);
    let cut = text(&read(&one(&worse, ResultKind::CadSr)), tags::COMPLETION_FLAG_DESCRIPTION);
    assert!(cut.len() <= 64 && cut.starts_with("missing: R CC"), "{cut}");
    let tree = tree(&object);
    assert_eq!((tree.one(SUMMARY).value.as_str(), tree.one(DETECTIONS).value.as_str()), ("111244", "111223"));
    let listed = |name: &str| tree.one(name).children[0].children.iter().filter(|node| node.value.starts_with("1.2."));
    let image = |node: &Node| tree.at(&node.value).value.clone();
    let failed: Vec<String> = listed("111025").map(image).collect();
    assert_eq!(failed, [report().images[1].key.0.as_str()]);
    assert_eq!(listed("111063").count(), 2);
    let said = &tree.one("111033").value;
    assert!(said.contains("LEFT without a scored image: CC, MLO.") && said.contains("1 excluded, 1 failed"), "{said}");
    let mut unmarked = report();
    findings(&mut unmarked).for_each(|finding| finding.score = 0.1);
    assert_eq!(cad(&unmarked).one(SUMMARY).value, "111243");
}

#[test]
fn a_provisional_report_is_partial_and_preliminary_though_nothing_is_missing() {
    let said = |report: &StudyReport| {
        let of = |kind| {
            let header = read(&one(report, kind));
            let tags = [tags::COMPLETION_FLAG, tags::COMPLETION_FLAG_DESCRIPTION, tags::PRELIMINARY_FLAG];
            tags.map(|tag| if header.get(tag).is_some() { text(&header, tag) } else { String::new() })
        };
        assert_eq!(of(ResultKind::CadSr), of(ResultKind::ComprehensiveSr));
        of(ResultKind::CadSr)
    };
    let words = "PROVISIONAL: a final report follows.";
    let mut early = positive();
    assert_eq!(said(&early), ["COMPLETE", "", "FINAL"]);
    assert!(!cad(&early).one("111033").value.contains(words));
    early.state = StudyState::Provisional;
    assert_eq!(said(&early), ["PARTIAL", "provisional", "PRELIMINARY"]);
    assert!(cad(&early).one("111033").value.contains(words));
    let mut partial = report();
    partial.state = StudyState::Provisional;
    assert_eq!(said(&partial)[1], "provisional; missing: L CC, L MLO; failed images: 1");
}

#[test]
fn the_tree_has_the_order_of_its_template() {
    let tree = cad(&positive());
    let names: Vec<&str> = tree.children.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["121049", "111028", SUMMARY, DETECTIONS, "111065"]);
    assert_eq!(tree.one(SUMMARY).value, "111242");
    assert_eq!(tree.one("111013").value, "70.00", "the stronger breast");
    let [right, left] = tree.all(IMPRESSION)[..] else { panic!("one impression per breast") };
    assert_eq!(right.values(INTENT), [REQUIRED; 4]);
    assert_eq!(left.values(INTENT), [NOT_PRESENTED; 3]);
    let composite = right.one(COMPOSITE);
    assert_eq!((composite.value.as_str(), composite.one("111011").value.as_str()), ("111099", "70.00"));
    let parts: Vec<&Node> = composite.children.iter().filter(|node| node.relation == "INFERRED FROM").collect();
    assert_eq!(parts.iter().map(|part| part.one(CERTAINTY).value.as_str()).collect::<Vec<_>>(), ["80.00", "60.00"]);
    assert_eq!(left.values(CERTAINTY), ["10.00", "5.00"]);
    assert!(left.all(COMPOSITE).is_empty());
    let header = read(&one(&positive(), ResultKind::CadSr));
    assert_eq!(
        (text(&header, tags::COMPLETION_FLAG), text(&header, tags::VERIFICATION_FLAG)),
        ("COMPLETE".into(), "UNVERIFIED".into())
    );
}

#[test]
fn each_finding_points_to_its_image_with_its_center_inside_its_outline() {
    let report = positive();
    let tree = cad(&report);
    let found = tree.all(FINDING);
    assert_eq!(found.len(), 4);
    for finding in found {
        let [center] = finding.all("111010")[..] else { panic!("a center") };
        let [outline] = finding.all("111041")[..] else { panic!("an outline") };
        assert_eq!((center.points.as_slice(), outline.value.as_str()), (&[12.5, 17.5][..], "POLYLINE"));
        let (xs, ys): (Vec<f32>, Vec<f32>) = outline.points.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        let spans = |values: &[f32], at: f32| values.iter().any(|v| *v < at) && values.iter().any(|v| *v > at);
        assert!(spans(&xs, 12.5) && spans(&ys, 17.5));
        assert!(xs.iter().all(|x| (0.0..=20.0).contains(x)) && ys.iter().all(|y| (0.0..=40.0).contains(y)));
        assert_eq!(outline.points[..2], outline.points[outline.points.len() - 2..], "closed");
        let [to, again] = [&center.children[0], &outline.children[0]];
        assert_eq!((to.relation.as_str(), &to.value), ("SELECTED FROM", &again.value));
        let image = tree.at(&to.value);
        let named = report.images.iter().find(|found| found.key.0.as_str() == image.value).unwrap();
        let InstanceOutcome::Scored(source) = &named.outcome else { panic!("a scored image") };
        let words = format!("{} {} {:.4}", source.laterality.letter(), source.view.term(), source.score);
        assert!(finding.one("111058").value.starts_with(&words), "{finding:?}");
        assert_eq!(
            image.one("111027").value,
            if source.laterality == Laterality::Right { "73056007" } else { "80248007" }
        );
    }
}

#[test]
fn a_negative_study_marks_nothing_and_keeps_its_scores() {
    let tree = cad(&negative());
    assert_eq!(tree.one(SUMMARY).value, "111241");
    assert!(tree.values(INTENT).iter().all(|intent| *intent == NOT_PRESENTED));
    assert_eq!(tree.values(CERTAINTY), ["8.00", "6.00", "1.00", "0.50"]);
    assert!(tree.values(FINDING).iter().all(|code| *code == "111099"));
    assert_eq!(tree.one(DETECTIONS).value, "111222");
}

#[test]
fn one_view_alone_is_no_composite_feature() {
    let mut report = positive();
    findings(&mut report).nth(1).unwrap().score = 0.4;
    let tree = cad(&report);
    assert!(tree.all(COMPOSITE).is_empty());
    let intents: Vec<&str> = tree.all(IMPRESSION).iter().map(|node| node.children[0].value.as_str()).collect();
    assert_eq!(intents, [REQUIRED, NOT_PRESENTED, NOT_PRESENTED]);
    // Twice the same view is not two views.
    let mut report = positive();
    findings(&mut report).nth(1).unwrap().view = View::CranioCaudal;
    assert!(cad(&report).all(COMPOSITE).is_empty());
}

#[test]
fn an_untrained_model_marks_nothing() {
    let mut report = positive();
    let untrained = crate::made_up::model(contract::manifest::ModelLabel::Untrained);
    findings(&mut report).for_each(|finding| finding.model = untrained.clone());
    report.model = Some(untrained);
    let tree = cad(&report);
    assert_eq!(tree.one(SUMMARY).value, "111241");
    assert!(tree.values(INTENT).iter().all(|intent| *intent == NOT_PRESENTED));
    assert!(tree.one("111033").value.contains("UNTRAINED: SCORES MEAN NOTHING"));
}

#[test]
fn only_a_calibrated_model_gives_a_probability_of_cancer() {
    assert!(drawn(&positive()).all(PROBABILITY).is_empty());
    let mut calibrated = positive();
    findings(&mut calibrated).for_each(|finding| finding.calibrated_probability = Some(finding.score / 4.0));
    let tree = drawn(&calibrated);
    assert_eq!(tree.values(PROBABILITY), ["20.00", "15.00"], "of what is marked");
    assert_eq!(tree.one(COMPOSITE).value, "129793001");
    assert_eq!(tree.values(CERTAINTY), ["80.00", "60.00", "10.00", "5.00"], "the raw score stays");
    let honest = cad(&calibrated);
    assert!(honest.all(PROBABILITY).is_empty(), "a selected region may have none");
    assert!(honest.values("111058")[0].contains("calibrated probability 0.2000"));
}

#[test]
fn the_models_first_operating_point_decides() {
    let rule = |report: &StudyReport| cad(report).values("111002").last().map(|text| (*text).to_owned()).unwrap();
    assert!(rule(&positive()).contains("from a score of 0.5 on: the model has no operating point"));
    let mut report = positive();
    for finding in findings(&mut report) {
        let call = |threshold, called| Call {
            target: Target::Sensitivity(0.9),
            threshold: Threshold::new(threshold).unwrap(),
            called,
        };
        finding.operating_points = vec![call(0.04, true), call(0.99, false)];
    }
    assert_eq!(cad(&report).all(COMPOSITE).len(), 2, "all four are called");
    assert!(rule(&report).contains("0.0400") && rule(&report).contains("sensitivity 0.9"));
}

#[test]
fn a_revision_names_its_predecessor_of_the_same_kind() {
    let first = one(&positive(), ResultKind::CadSr);
    assert!(items(&read(&first), tags::PREDECESSOR_DOCUMENTS_SEQUENCE).is_empty());
    let mut second = positive();
    second.revision = 2;
    let other = Sop { class: Uid::parse("1.2.3").unwrap(), instance: Uid::parse("1.2.4").unwrap() };
    second.predecessors = vec![
        Document { kind: ResultKind::CadSr, sop: first.sop.clone().unwrap() },
        Document { kind: ResultKind::ComprehensiveSr, sop: other },
    ];
    let object = one(&second, ResultKind::CadSr);
    let header = read(&object);
    let [study] = &items(&header, tags::PREDECESSOR_DOCUMENTS_SEQUENCE)[..] else { panic!("one study") };
    let [series] = &items(study, tags::REFERENCED_SERIES_SEQUENCE)[..] else { panic!("one series") };
    let [document] = &items(series, tags::REFERENCED_SOP_SEQUENCE)[..] else { panic!("one document") };
    let first_header = read(&first);
    assert_eq!(text(document, tags::REFERENCED_SOP_INSTANCE_UID), text(&first_header, tags::SOP_INSTANCE_UID));
    assert_eq!(text(series, tags::SERIES_INSTANCE_UID), text(&first_header, tags::SERIES_INSTANCE_UID));
    assert_eq!(text(study, tags::STUDY_INSTANCE_UID), second.study.0.as_str());
    assert_eq!(
        (text(&first_header, tags::INSTANCE_NUMBER), text(&header, tags::INSTANCE_NUMBER)),
        ("1".into(), "2".into())
    );
    assert_ne!(first.sop, object.sop);
    assert!(tree(&object).one("111033").value.contains("REVISION 2, supersedes revision 1."));
}

#[test]
fn the_evidence_is_every_image_that_was_scored_or_failed() {
    let mut report = report();
    report.images[3].series = Some(Uid::derived(&["another series"]));
    let object = one(&report, ResultKind::CadSr);
    let [study] = &items(&read(&object), tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE)[..] else { panic!() };
    let mut named = Vec::new();
    for series in items(study, tags::REFERENCED_SERIES_SEQUENCE) {
        for image in items(&series, tags::REFERENCED_SOP_SEQUENCE) {
            named.push((text(&series, tags::SERIES_INSTANCE_UID), text(&image, tags::REFERENCED_SOP_INSTANCE_UID)));
        }
    }
    let expected = [0, 1, 3].map(|index| {
        let image = &report.images[index];
        (image.series.as_ref().unwrap().as_str().to_owned(), image.key.0.as_str().to_owned())
    });
    assert_eq!(named, expected);
    let library = &tree(&object).children[1];
    assert_eq!(
        library.children.iter().map(|image| image.value.clone()).collect::<Vec<_>>(),
        expected.map(|image| image.1)
    );
}
