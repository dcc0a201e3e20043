//! Key Object Selection Documents (PS3.3 section A.35.4): title, and which instances the document names.
//!
//! Both places that name instances are read, the content tree and the evidence: they should say the same, and an instance
//! that a rejection note names in one of them only is named all the same. The walk keeps its own stack; depth, items and
//! instances are limited, and a document beyond a limit is refused as a whole, because half a note would be obeyed by half.

use std::collections::BTreeSet;

use contract::attributes::KEY_OBJECTS_MAX;
use contract::{KeyObjects, Uid};
use dicom_core::header::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::attributes::{InspectError, coded_concept, first_item, items, text};

/// Key Object Selection Document Storage.
pub const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";

/// Sequences inside each other. TID 2010 needs two levels of content, the evidence three.
const DEPTH_MAX: usize = 8;
/// Items that are looked at.
const ITEMS_MAX: usize = 16 * KEY_OBJECTS_MAX;

/// Sequences that lead to references.
const WAYS: [Tag; 4] = [
    tags::CONTENT_SEQUENCE,
    tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE,
    tags::REFERENCED_SERIES_SEQUENCE,
    tags::REFERENCED_SOP_SEQUENCE,
];

/// Reads the document; `None` when the object is of another class.
///
/// # Errors
/// [`InspectError::KeyObjects`] beyond a limit.
pub(crate) fn key_objects(object: &InMemDicomObject, sop_class: &Uid) -> Result<Option<KeyObjects>, InspectError> {
    if sop_class.as_str() != KEY_OBJECT_SELECTION {
        return Ok(None);
    }
    let title = first_item(object, tags::CONCEPT_NAME_CODE_SEQUENCE).and_then(coded_concept);
    let (mut instances, mut known) = (Vec::new(), BTreeSet::new());
    let (mut open, mut seen) = (vec![(object, 0)], 0_usize);
    while let Some((item, depth)) = open.pop() {
        seen += 1;
        if seen > ITEMS_MAX {
            return Err(InspectError::KeyObjects("items"));
        }
        // What is no UID names nothing that could be ours.
        let named = text(item, tags::REFERENCED_SOP_INSTANCE_UID).and_then(|text| Uid::parse(&text).ok());
        if let Some(uid) = named.filter(|uid| known.insert(uid.clone())) {
            if instances.len() >= KEY_OBJECTS_MAX {
                return Err(InspectError::KeyObjects("instances"));
            }
            instances.push(uid);
        }
        // The first child is taken next: references keep the order of the document.
        let children: Vec<_> = WAYS.into_iter().flat_map(|way| items(item, way)).collect();
        if depth >= DEPTH_MAX && !children.is_empty() {
            return Err(InspectError::KeyObjects("levels of nesting"));
        }
        open.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
    }
    Ok(Some(KeyObjects { title, instances }))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use crate::testing::{DataSetWriter, key_object_selection};
    use crate::{Header, InspectError, inspect};

    fn read(bytes: &[u8]) -> Result<Header, InspectError> {
        inspect(Cursor::new(bytes))
    }

    fn names(header: Header) -> Vec<String> {
        header.attributes.key_objects.unwrap().instances.iter().map(|uid| uid.as_str().to_owned()).collect()
    }

    #[test]
    fn title_and_instances_are_read() {
        let note = key_object_selection("1.9.1", "1.9", ("113001", "DCM"), &["1.9.5", "1.9.6"]);
        let header = read(&note).unwrap();
        let title = header.attributes.key_objects.clone().unwrap().title.unwrap();
        assert_eq!((title.value.as_str(), title.scheme.as_str()), ("113001", "DCM"));
        assert_eq!(names(header), ["1.9.5", "1.9.6"], "each once, though content and evidence both name it");
    }

    #[test]
    fn a_document_without_title_or_references_is_read_too() {
        let bare = DataSetWriter::part_10().uids(super::KEY_OBJECT_SELECTION, "1.9.1", "1.9").bytes;
        let found = read(&bare).unwrap().attributes.key_objects.unwrap();
        assert_eq!((found.title, found.instances.len()), (None, 0));
        let image = DataSetWriter::part_10().uids("1.2.840.10008.5.1.4.1.1.1.2", "1.9.1", "1.9").bytes;
        assert_eq!(read(&image).unwrap().attributes.key_objects, None, "an image is no document");
    }

    #[test]
    fn what_only_one_of_both_places_names_is_named() {
        let reference = |uid: &str| DataSetWriter::explicit().text(8, 0x1155, "UI", uid).bytes;
        let sops = |uid: &str| DataSetWriter::explicit().sequence(8, 0x1199, &[reference(uid)]).bytes;
        let note = DataSetWriter::part_10().uids(super::KEY_OBJECT_SELECTION, "1.9.1", "1.9");
        let series = DataSetWriter::explicit().sequence(8, 0x1115, &[sops("1.9.7")]).bytes;
        assert_eq!(names(read(&note.clone().sequence(0x40, 0xA375, &[series]).bytes).unwrap()), ["1.9.7"]);
        assert_eq!(names(read(&note.clone().sequence(0x40, 0xA730, &[sops("1.9.8")]).bytes).unwrap()), ["1.9.8"]);
        let broken = DataSetWriter::explicit().text(8, 0x1155, "UI", "1.9.x").bytes;
        assert!(names(read(&note.sequence(8, 0x1199, &[broken]).bytes).unwrap()).is_empty());
    }

    #[test]
    fn a_document_beyond_a_limit_is_refused_as_a_whole() {
        let uids: Vec<String> =
            (0..=contract::attributes::KEY_OBJECTS_MAX).map(|number| format!("1.9.{number}")).collect();
        let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
        let read_with = |uids: &[&str]| read(&key_object_selection("1.8.1", "1.8", ("113001", "DCM"), uids));
        assert_eq!(names(read_with(&uids[1..]).unwrap()).len(), contract::attributes::KEY_OBJECTS_MAX);
        let error = read_with(&uids).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("instances")), ("key_objects_too_many", true));
        let mut nested = Vec::new();
        for _ in 0..20 {
            nested = DataSetWriter::explicit().sequence(0x40, 0xA730, &[nested]).bytes;
        }
        let mut deep = DataSetWriter::part_10().uids(super::KEY_OBJECT_SELECTION, "1.9.1", "1.9").bytes;
        deep.extend(nested);
        assert!(matches!(read(&deep), Err(InspectError::KeyObjects("levels of nesting"))));
        let empty = vec![Vec::new(); super::ITEMS_MAX];
        let wide = DataSetWriter::part_10().uids(super::KEY_OBJECT_SELECTION, "1.9.1", "1.9");
        assert!(matches!(read(&wide.sequence(0x40, 0xA730, &empty).bytes), Err(InspectError::KeyObjects("items"))));
    }

    #[test]
    fn a_cut_document_is_an_error_or_another_document_and_no_panic() {
        let note = key_object_selection("1.9.1", "1.9", ("113001", "DCM"), &["1.9.5"]);
        for length in 0..note.len() {
            let _ = read(&note[..length]);
        }
        // The longest cut ends inside the last sequence.
        assert!(read(&note[..note.len() - 1]).is_err());
    }
}
