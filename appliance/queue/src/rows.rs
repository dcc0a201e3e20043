//! Names and values of the rows.

use domain::{DeliveryId, InstanceKey, StudyKey};
use serde::{Deserialize, Serialize};

use crate::QueueError;

/// `i<sequence>`: an instance record.
pub(crate) const INSTANCE: u8 = b'i';
/// `k<SOP Instance UID>`: the sequence of its instance.
const KEY: u8 = b'k';
/// `c<sequence>`: a conflict.
pub(crate) const CONFLICT: u8 = b'c';
/// `r<Study Instance UID>`: what was reported of a study.
pub(crate) const REPORTED: u8 = b'r';
/// `d<sequence>`: a delivery.
pub(crate) const DELIVERY: u8 = b'd';
/// `n<delivery id>`: the sequence of its delivery.
const DELIVERY_NAME: u8 = b'n';

pub(crate) fn sequence_row(kind: u8, sequence: u64) -> [u8; 9] {
    let mut row = [kind; 9];
    row[1..].copy_from_slice(&sequence.to_be_bytes());
    row
}

pub(crate) fn key_row(key: &InstanceKey) -> Vec<u8> {
    [&[KEY], key.0.as_str().as_bytes()].concat()
}

pub(crate) fn reported_row(study: &StudyKey) -> Vec<u8> {
    [&[REPORTED], study.0.as_str().as_bytes()].concat()
}

pub(crate) fn delivery_name_row(id: &DeliveryId) -> Vec<u8> {
    [&[DELIVERY_NAME], id.as_str().as_bytes()].concat()
}

/// The sequence in a row's name.
pub(crate) fn sequence_of(row: &[u8]) -> Result<u64, QueueError> {
    row.get(1..).ok_or(QueueError::Row).and_then(sequence_value)
}

/// The sequence that is a row's value.
pub(crate) fn sequence_value(bytes: &[u8]) -> Result<u64, QueueError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| QueueError::Row)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, QueueError> {
    serde_json::to_vec(value).map_err(|_| QueueError::Row)
}

pub(crate) fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, QueueError> {
    serde_json::from_slice(bytes).map_err(|_| QueueError::Row)
}
