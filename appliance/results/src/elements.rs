//! Data elements, shortly.

use contract::Uid;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

pub(crate) type Element = DataElement<InMemDicomObject>;

pub(crate) fn text(tag: Tag, vr: VR, value: &str) -> Element {
    if value.is_empty() {
        return DataElement::new(tag, vr, PrimitiveValue::Empty);
    }
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// A text as bytes in the character set of its object.
pub(crate) fn encoded(tag: Tag, vr: VR, mut value: Vec<u8>) -> Element {
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    DataElement::new(tag, vr, PrimitiveValue::U8(value.into()))
}

pub(crate) fn number(tag: Tag, value: u16) -> Element {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

/// Values of VR SL.
pub(crate) fn integers(tag: Tag, values: &[i32]) -> Element {
    DataElement::new(tag, VR::SL, PrimitiveValue::I32(values.iter().copied().collect()))
}

/// Values of VR FL.
pub(crate) fn floats(tag: Tag, values: impl IntoIterator<Item = f64>) -> Element {
    DataElement::new(tag, VR::FL, PrimitiveValue::F32(values.into_iter().map(|value| value as f32).collect()))
}

pub(crate) fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> Element {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

pub(crate) fn item(elements: impl IntoIterator<Item = Element>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

/// An item of a Referenced SOP Sequence (PS3.3 section 10.8).
pub(crate) fn reference(class: &Uid, instance: &Uid) -> InMemDicomObject {
    item([
        text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class.as_str()),
        text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance.as_str()),
    ])
}

/// A number as VR DS: at most 16 characters (PS3.5 section 6.2), without an exponent where that is possible.
pub(crate) fn decimal(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let plain = format!("{value}");
    if plain.len() <= 16 {
        return plain;
    }
    let short = (0..=13).rev().map(|digits| format!("{value:.digits$}")).find(|text| text.len() <= 16);
    short.unwrap_or_else(|| format!("{value:.6e}"))
}

/// A share in 0 to 1 as per cent with two decimals.
pub(crate) fn per_cent(share: f64) -> String {
    format!("{:.2}", (share * 100.0).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_into_ds() {
        for value in [0.0, -1.5, 4095.0, 1.0 / 3.0, -1e15 / 7.0, 1e300, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY] {
            let text = decimal(value);
            assert!(text.len() <= 16 && text.parse::<f64>().is_ok(), "{value}: {text}");
        }
        assert_eq!((decimal(2047.5).as_str(), decimal(-0.25).as_str()), ("2047.5", "-0.25"));
        assert!((decimal(1.0 / 3.0).parse::<f64>().unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(
            (per_cent(0.81235).as_str(), per_cent(1.5).as_str(), per_cent(-1.0).as_str()),
            ("81.23", "100.00", "0.00")
        );
    }
}
