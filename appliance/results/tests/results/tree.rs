//! A structured report's content, read back.

use std::io::Cursor;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, from_reader};
use results::ResultObject;

/// A content item.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub relation: String,
    pub kind: String,
    /// Code value of its name.
    pub name: String,
    /// Code value, text, number, UID, coordinates or position, as text.
    pub value: String,
    /// Coordinates.
    pub points: Vec<f32>,
    pub children: Vec<Node>,
}

pub fn read(object: &ResultObject) -> DefaultDicomObject {
    from_reader(Cursor::new(&object.bytes)).unwrap()
}

pub fn text(object: &InMemDicomObject, tag: Tag) -> String {
    let element = object.element_opt(tag).unwrap();
    element.map(|element| element.to_str().unwrap().trim_end_matches([' ', '\0']).to_owned()).unwrap_or_default()
}

pub fn items(object: &InMemDicomObject, tag: Tag) -> Vec<InMemDicomObject> {
    object.element_opt(tag).unwrap().and_then(|element| element.items()).map(<[_]>::to_vec).unwrap_or_default()
}

fn code(object: &InMemDicomObject, tag: Tag) -> String {
    items(object, tag).first().map(|item| text(item, tags::CODE_VALUE)).unwrap_or_default()
}

/// The tree of a report.
pub fn tree(object: &ResultObject) -> Node {
    node(&read(object))
}

fn node(object: &InMemDicomObject) -> Node {
    let kind = text(object, tags::VALUE_TYPE);
    let mut points = Vec::new();
    let value = match kind.as_str() {
        "CODE" => code(object, tags::CONCEPT_CODE_SEQUENCE),
        "TEXT" => text(object, tags::TEXT_VALUE),
        "UIDREF" => text(object, tags::UID),
        "NUM" => text(&items(object, tags::MEASURED_VALUE_SEQUENCE)[0], tags::NUMERIC_VALUE),
        "IMAGE" => text(&items(object, tags::REFERENCED_SOP_SEQUENCE)[0], tags::REFERENCED_SOP_INSTANCE_UID),
        "SCOORD" => {
            points = object.element(tags::GRAPHIC_DATA).unwrap().to_multi_float32().unwrap();
            text(object, tags::GRAPHIC_TYPE)
        }
        "CONTAINER" => String::new(),
        _ => {
            let position = object.element(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER).unwrap();
            position.to_multi_int::<u32>().unwrap().iter().map(u32::to_string).collect::<Vec<_>>().join(".")
        }
    };
    Node {
        relation: text(object, tags::RELATIONSHIP_TYPE),
        name: code(object, tags::CONCEPT_NAME_CODE_SEQUENCE),
        children: items(object, tags::CONTENT_SEQUENCE).iter().map(node).collect(),
        kind,
        value,
        points,
    }
}

impl Node {
    /// All items of that name, in the order of the tree.
    pub fn all(&self, name: &str) -> Vec<&Self> {
        let own = (self.name == name).then_some(self);
        own.into_iter().chain(self.children.iter().flat_map(|child| child.all(name))).collect()
    }

    /// The values of all items of that name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.all(name).iter().map(|node| node.value.as_str()).collect()
    }

    /// The only item of that name.
    pub fn one(&self, name: &str) -> &Self {
        let [node] = self.all(name)[..] else { panic!("not one {name}") };
        node
    }

    /// The item at a position counted from 1 on every level.
    pub fn at(&self, position: &str) -> &Self {
        position.split('.').skip(1).fold(self, |node, index| &node.children[index.parse::<usize>().unwrap() - 1])
    }
}
