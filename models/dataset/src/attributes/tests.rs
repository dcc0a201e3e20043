use super::*;
use crate::testing::DataSetWriter;

fn read(change: impl FnOnce(DataSetWriter) -> DataSetWriter) -> InstanceAttributes {
    let mammogram = DataSetWriter::part_10().uids("1.2.840.10008.5.1.4.1.1.1.2", "1.9.1", "1.9");
    inspect(Cursor::new(change(mammogram).bytes)).unwrap().attributes
}

fn values(modifiers: &[CodedConcept]) -> Vec<(&str, &str)> {
    modifiers.iter().map(|modifier| (modifier.value.as_str(), modifier.scheme.as_str())).collect()
}

#[test]
fn modifiers_are_found_where_devices_put_them() {
    let spot = DataSetWriter::code(("399055006", "SCT"));
    let without_scheme = DataSetWriter::explicit().text(8, 0x100, "SH", "R-102D5").bytes;
    let mut view = DataSetWriter::code(("399162004", "SCT"));
    view.extend(DataSetWriter::explicit().sequence(0x54, 0x222, &[spot, Vec::new()]).bytes);
    let attributes = read(|header| header.sequence(0x54, 0x220, &[view]).sequence(0x54, 0x222, &[without_scheme]));
    assert_eq!(attributes.view_code.as_ref().unwrap().value, "399162004");
    assert_eq!(values(&attributes.view_modifiers), [("399055006", "SCT"), ("R-102D5", "")], "an empty item is none");
    assert!(read(|header| header.sequence(0x54, 0x222, &[])).view_modifiers.is_empty());
}

#[test]
fn laterality_of_frames_region_and_parts_are_read() {
    let anatomy = DataSetWriter::explicit().text(0x20, 0x9072, "CS", "L").bytes;
    let shared = DataSetWriter::explicit().sequence(0x20, 0x9071, &[anatomy]).bytes;
    let region = DataSetWriter::code(("T-04000", "SRT"));
    let attributes = read(|header| {
        header
            .sequence(8, 0x2218, &[region])
            .sequence(0x28, 0x1352, &[DataSetWriter::code(("112113009", "SCT"))])
            .text(0x50, 4, "CS", "YES")
            .sequence(0x5200, 0x9229, &[shared])
    });
    assert_eq!(attributes.frame_laterality.as_deref(), Some("L"));
    assert_eq!(attributes.anatomic_region.unwrap().value, "T-04000");
    assert!(attributes.has_partial_view_code && attributes.calibration_image.as_deref() == Some("YES"));
    let none = read(|header| header);
    assert!(!none.has_partial_view_code && none.frame_laterality.is_none());
}
