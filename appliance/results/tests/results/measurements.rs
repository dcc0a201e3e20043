//! The measurement report, read back.

use dicom_dictionary_std::tags;
use domain::ResultKind;

use crate::made_up::{all_failed, findings, one, positive, report};
use crate::tree::{read, text, tree};

#[test]
fn nothing_scored_leaves_the_words() {
    let tree = tree(&one(&all_failed(), ResultKind::ComprehensiveSr));
    assert!(tree.all("126010").is_empty());
    assert!(tree.one("C0034375").values("121106")[0].contains("No image was scored."));
}

#[test]
fn each_scored_image_is_one_group_with_region_and_score() {
    let mut report = positive();
    let first = findings(&mut report).next().unwrap();
    first.calibrated_probability = Some(0.2);
    let object = one(&report, ResultKind::ComprehensiveSr);
    assert_eq!(text(&read(&object), tags::SOP_CLASS_UID), "1.2.840.10008.5.1.4.1.1.88.34");
    let tree = tree(&object);
    let groups = tree.all("125007");
    assert_eq!(groups.len(), 4);
    let mut tracking: Vec<&str> = tree.values("112040");
    tracking.sort_unstable();
    tracking.dedup();
    assert_eq!(tracking.len(), 4, "each region has a name of its own");
    for (group, image) in groups.iter().zip(&report.images) {
        let region = group.one("111030");
        assert_eq!((region.kind.as_str(), region.value.as_str()), ("SCOORD", "POLYLINE"));
        assert_eq!(region.children[0].value, image.key.0.as_str());
        assert_eq!(group.all("111001").len(), 1 + group.values("111012").len() + group.values("111047").len());
    }
    assert_eq!(tree.values("111012"), ["80.00", "60.00", "10.00", "5.00"]);
    assert_eq!(tree.values("111047"), ["20.00"]);
    assert_eq!(tree.values("272741003"), ["24028007", "24028007", "7771000", "7771000"]);
}

#[test]
fn where_nothing_stands_out_the_image_itself_is_measured() {
    let tree = tree(&one(&report(), ResultKind::ComprehensiveSr));
    assert!(tree.all("111030").is_empty());
    let sources = tree.values("121112");
    assert_eq!(sources, [report().images[0].key.0.as_str(), report().images[3].key.0.as_str()]);
}
