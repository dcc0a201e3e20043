//! The content tree of a structured report (PS3.3 section C.17.3).

use contract::{Point, Uid};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::ReportedImage;

use crate::codes::{self, Code};
use crate::elements::{Element, floats, item, reference, sequence, text};

/// How a content item stands to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Contains,
    HasProperties,
    HasConceptMod,
    HasAcqContext,
    HasObsContext,
    InferredFrom,
    SelectedFrom,
}

impl Relation {
    const fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasProperties => "HAS PROPERTIES",
            Self::HasConceptMod => "HAS CONCEPT MOD",
            Self::HasAcqContext => "HAS ACQ CONTEXT",
            Self::HasObsContext => "HAS OBS CONTEXT",
            Self::InferredFrom => "INFERRED FROM",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

/// A content item with everything below it. Order is part of the encoding: references count positions.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    elements: Vec<Element>,
    children: Vec<Item>,
}

impl Item {
    fn new(relation: Relation, value_type: Option<&str>, name: Option<Code>, value: Vec<Element>) -> Self {
        let mut elements = vec![text(tags::RELATIONSHIP_TYPE, VR::CS, relation.term())];
        elements.extend(value_type.map(|value_type| text(tags::VALUE_TYPE, VR::CS, value_type)));
        elements.extend(name.map(|name| sequence(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![name.item()])));
        elements.extend(value);
        Self { elements, children: Vec::new() }
    }

    pub(crate) fn container(relation: Relation, name: Code) -> Self {
        let separate = text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
        Self::new(relation, Some("CONTAINER"), Some(name), vec![separate])
    }

    pub(crate) fn code(relation: Relation, name: Code, value: Code) -> Self {
        let value = sequence(tags::CONCEPT_CODE_SEQUENCE, vec![value.item()]);
        Self::new(relation, Some("CODE"), Some(name), vec![value])
    }

    /// A text of any length, without control characters.
    pub(crate) fn text(relation: Relation, name: Code, value: &str) -> Self {
        let value = text(tags::TEXT_VALUE, VR::UT, &drawing::clipped(value, TEXT_CHARACTERS_MAX));
        Self::new(relation, Some("TEXT"), Some(name), vec![value])
    }

    /// `value` in the form of VR DS.
    pub(crate) fn number(relation: Relation, name: Code, value: &str, unit: Code) -> Self {
        let measured = item([
            text(tags::NUMERIC_VALUE, VR::DS, value),
            sequence(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![unit.item()]),
        ]);
        let value = sequence(tags::MEASURED_VALUE_SEQUENCE, vec![measured]);
        Self::new(relation, Some("NUM"), Some(name), vec![value])
    }

    pub(crate) fn uid(relation: Relation, name: Code, value: &Uid) -> Self {
        Self::new(relation, Some("UIDREF"), Some(name), vec![text(tags::UID, VR::UI, value.as_str())])
    }

    /// A point of the image that stands below it.
    pub(crate) fn point(relation: Relation, name: Code, point: Point) -> Self {
        Self::graphic(relation, name, "POINT", &[point])
    }

    /// A line in the image that stands below it; closed when it ends where it began.
    pub(crate) fn polyline(relation: Relation, name: Code, points: &[Point]) -> Self {
        Self::graphic(relation, name, "POLYLINE", points)
    }

    fn graphic(relation: Relation, name: Code, kind: &str, points: &[Point]) -> Self {
        let data = floats(tags::GRAPHIC_DATA, points.iter().flat_map(|point| [point.x, point.y]));
        Self::new(relation, Some("SCOORD"), Some(name), vec![data, text(tags::GRAPHIC_TYPE, VR::CS, kind)])
    }

    pub(crate) fn image(relation: Relation, name: Option<Code>, image: &ReportedImage) -> Self {
        let sop = sequence(tags::REFERENCED_SOP_SEQUENCE, vec![reference(&image.sop_class, &image.key.0)]);
        Self::new(relation, Some("IMAGE"), name, vec![sop])
    }

    /// The item at `position` of the tree, counted from 1 on every level.
    pub(crate) fn by_reference(relation: Relation, position: &[u32]) -> Self {
        let position = dicom_core::PrimitiveValue::U32(position.iter().copied().collect());
        let element = Element::new(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER, VR::UL, position);
        Self::new(relation, None, None, vec![element])
    }

    pub(crate) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(crate) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// Recursive: the depth is that of our own trees, below ten.
    fn into_dicom(self) -> InMemDicomObject {
        let mut object = item(self.elements);
        if !self.children.is_empty() {
            object.put(content(self.children));
        }
        object
    }
}

/// More than a text of ours has; the reasons of failures and names of models in it may be of any length.
const TEXT_CHARACTERS_MAX: usize = 10_240;

/// The elements of the root of a report with `template` of PS3.16.
pub(crate) fn root(title: Code, template: &str, children: Vec<Item>) -> Vec<Element> {
    let template =
        item([text(tags::MAPPING_RESOURCE, VR::CS, "DCMR"), text(tags::TEMPLATE_IDENTIFIER, VR::CS, template)]);
    vec![
        text(tags::VALUE_TYPE, VR::CS, "CONTAINER"),
        sequence(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![title.item()]),
        text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE"),
        sequence(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template]),
        content(children),
    ]
}

/// TID 1204.
pub(crate) fn language() -> Item {
    Item::code(Relation::HasConceptMod, codes::LANGUAGE, codes::ENGLISH)
}

fn content(children: Vec<Item>) -> Element {
    sequence(tags::CONTENT_SEQUENCE, children.into_iter().map(Item::into_dicom).collect())
}
