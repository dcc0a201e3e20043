//! Metrics as TensorBoard events: `tensorboard/events.out.tfevents.0000000000.mamoru` in the run's folder.
//!
//! The file is a row of records (TensorFlow's `record_writer.h`): length, masked CRC-32C of the length, an `Event` message,
//! masked CRC-32C of the message. Our own writer, because `prost` is there anyway and the format is forty lines. One file
//! for all of a run: what a crash left behind of a record is cut off before the next one is appended, because readers stop
//! at it; an epoch that is repeated has the same steps again, of which TensorBoard shows the last.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::error::{Result, TrainerError};
use crate::run::{Metrics, Run};

/// The most bytes of an events file: 50 epochs have some 20 KB.
const BYTES_MAX: u64 = 64 << 20;

/// Bytes of a record besides its message.
const RECORD_BYTES: usize = 16;

/// `tensorflow.Event`, as far as it is written.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

/// The events file of a run.
#[must_use]
pub fn file(run: &Run) -> PathBuf {
    run.folder().join("tensorboard/events.out.tfevents.0000000000.mamoru")
}

/// Appends an epoch's metrics to the run's events.
///
/// # Errors
/// When the file cannot be read or written.
pub fn add(run: &Run, metrics: &Metrics) -> Result<()> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    append(&file(run), metrics, seconds)
}

fn append(path: &Path, metrics: &Metrics, wall_time: f64) -> Result<()> {
    let wrong = || TrainerError::file("write", path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(TrainerError::file("create", folder))?;
    }
    let mut file =
        std::fs::File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(wrong())?;
    let mut bytes = Vec::new();
    (&file).take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(TrainerError::file("read", path))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(TrainerError::data(path, format!("has more than {BYTES_MAX} bytes")));
    }
    let whole = whole_records(&bytes) as u64;
    let mut text = Vec::new();
    if whole == 0 {
        let version = Event { wall_time, step: 0, file_version: Some("brain.Event:2".into()), summary: None };
        text.extend(record(&version.encode_to_vec()));
    }
    let summary = Some(Summary { value: scalars(metrics) });
    text.extend(record(
        &Event { wall_time, step: i64::from(metrics.epoch), file_version: None, summary }.encode_to_vec(),
    ));
    file.set_len(whole).map_err(wrong())?;
    file.seek(SeekFrom::Start(whole)).map_err(wrong())?;
    file.write_all(&text).and_then(|()| file.sync_data()).map_err(wrong())
}

fn scalars(metrics: &Metrics) -> Vec<Scalar> {
    let values = [
        ("loss/training", Some(metrics.train_loss)),
        ("loss/validation", Some(metrics.validation_loss)),
        ("auc/image", metrics.image_auc),
        ("auc/breast", metrics.breast_auc),
        ("optimiser/rate", Some(metrics.rate)),
        ("speed/images_per_second", (metrics.train_s > 0.0).then(|| metrics.images as f64 / metrics.train_s)),
        ("speed/waited_seconds", Some(metrics.waited_s)),
    ];
    let values = values.into_iter().filter_map(|(tag, value)| Some((tag, value?)));
    values.map(|(tag, value)| Scalar { tag: tag.into(), simple_value: value as f32 }).collect()
}

fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let parts = [&length[..], &masked_crc(&length).to_le_bytes(), message, &masked_crc(message).to_le_bytes()];
    parts.concat()
}

/// Bytes of the whole records at the beginning.
fn whole_records(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(length) = bytes.get(end..end + 8).and_then(|length| <[u8; 8]>::try_from(length).ok()) {
        let message = usize::try_from(u64::from_le_bytes(length)).ok();
        let next = message.and_then(|message| end.checked_add(message)?.checked_add(RECORD_BYTES));
        let Some(found) = next.and_then(|next| bytes.get(end..next)) else { break };
        let message = &found[12..found.len() - 4];
        if found != record(message) {
            break;
        }
        end += found.len();
    }
    end
}

/// CRC-32C, turned and shifted as TensorFlow does it, so that a checksum of checksums differs.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: an epoch has three hundred bytes.
fn crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(!0_u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(epoch: u32) -> Metrics {
        Metrics {
            epoch,
            train_loss: 0.7,
            validation_loss: 0.6,
            image_auc: Some(0.75),
            breast_auc: None,
            rate: 1e-3,
            images: 100,
            train_s: 50.0,
            validation_s: 2.0,
            waited_s: 0.5,
        }
    }

    fn events(bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            events.push(Event::decode(&rest[12..12 + length]).unwrap());
            rest = &rest[RECORD_BYTES + length..];
        }
        events
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, section B.4, and the usual check value.
        assert_eq!(crc(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn epochs_are_appended_and_a_torn_record_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tensorboard/events");
        append(&path, &metrics(1), 10.0).unwrap();
        append(&path, &metrics(2), 20.0).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole_records(&whole), whole.len());
        let first = events(&whole);
        assert_eq!(first.iter().map(|event| event.step).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(first[0].file_version.as_deref(), Some("brain.Event:2"));
        let summary = first[2].summary.as_ref().unwrap();
        assert_eq!(summary.value.len(), 6, "a figure that is not there is no zero");
        assert_eq!(summary.value[5], Scalar { tag: "speed/waited_seconds".into(), simple_value: 0.5 });
        for cut in [1, 5, 17, whole.len() / 2] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            append(&path, &metrics(3), 30.0).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(whole_records(&bytes), bytes.len(), "{cut}");
            assert_eq!(events(&bytes).last().unwrap().step, 3);
        }
        std::fs::write(&path, [0xFF; 40]).unwrap();
        append(&path, &metrics(4), 40.0).unwrap();
        assert_eq!(events(&std::fs::read(&path).unwrap()).len(), 2, "what are no events is written anew");
    }
}
