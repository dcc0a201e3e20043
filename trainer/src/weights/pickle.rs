//! State dictionaries as `torch.save` writes them since PyTorch 1.6: a zip archive with `data.pkl`, which names tensors,
//! and their numbers in `data/<key>`. This is how torchvision's own weights come.
//!
//! A pickle is a program; libtorch's reader refuses the `_metadata` that every module's state dictionary carries, and
//! Python's runs what the file says. This one builds values from the few instructions that such files need, and calls
//! nothing: a name that it does not know is an error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use tch::{Kind, Tensor};

use super::machine::{self, Stored, Value};
use crate::error::{Result, TrainerError};
use crate::network::Tensors;

/// The most bytes of `data.pkl`: a network of 1,000 tensors needs 200 kB.
const PROGRAM_BYTES_MAX: u64 = 64 << 20;

/// The most bytes of one tensor's numbers.
const STORAGE_BYTES_MAX: u64 = 4 << 30;

type Archive = zip::ZipArchive<BufReader<File>>;

/// Reads the named tensors; also from below `state_dict` or `model`, where training scripts put them.
///
/// # Errors
/// When the file is no such archive, names something else than tensors, or is cut.
pub(super) fn read(path: &Path) -> Result<Tensors> {
    let file = File::open(path).map_err(TrainerError::file("read", path))?;
    let problem = |problem: String| TrainerError::weights(path, problem);
    let mut archive: Archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| problem(format!("is not what torch.save writes: {error}")))?;
    let program = archive.file_names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
    let program = program.ok_or_else(|| problem("holds no data.pkl: is not what torch.save writes".into()))?;
    let root = program.trim_end_matches("data.pkl").to_owned();
    let bytes = entry(&mut archive, &program, PROGRAM_BYTES_MAX).map_err(problem)?;
    let entries = state_dictionary(machine::run(&bytes).map_err(problem)?).map_err(problem)?;
    let mut storages = BTreeMap::new();
    let mut tensors = Tensors::new();
    for (name, stored) in entries {
        if !storages.contains_key(&stored.storage) {
            let place = format!("{root}data/{}", stored.storage);
            let numbers = entry(&mut archive, &place, STORAGE_BYTES_MAX).map_err(problem)?;
            storages.insert(stored.storage.clone(), numbers);
        }
        let numbers = storages.get(&stored.storage).map(Vec::as_slice).unwrap_or_default();
        tensors
            .insert(name.clone(), tensor(&stored, numbers).map_err(|text| problem(format!("tensor {name}: {text}")))?);
    }
    Ok(tensors)
}

fn entry(archive: &mut Archive, name: &str, bytes_max: u64) -> std::result::Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    entry.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("{name}: has more than {bytes_max} bytes"));
    }
    Ok(bytes)
}

fn state_dictionary(value: Value) -> std::result::Result<Vec<(String, Stored)>, String> {
    let Value::Dictionary(entries) = value else { return Err("holds no dictionary of tensors".into()) };
    let mut tensors = Vec::new();
    for (key, value) in entries {
        match (key, value) {
            (Value::Text(name), Value::Tensor(stored)) => tensors.push((name, *stored)),
            (Value::Text(name), inner @ Value::Dictionary(_)) if name == "state_dict" || name == "model" => {
                return state_dictionary(inner);
            }
            _ => {}
        }
    }
    if tensors.is_empty() { Err("holds no named tensor".into()) } else { Ok(tensors) }
}

fn tensor(stored: &Stored, numbers: &[u8]) -> std::result::Result<Tensor, String> {
    let (kind, width) = match stored.kind.as_str() {
        "FloatStorage" => (Kind::Float, 4),
        "DoubleStorage" => (Kind::Double, 8),
        "HalfStorage" => (Kind::Half, 2),
        "BFloat16Storage" => (Kind::BFloat16, 2),
        "LongStorage" => (Kind::Int64, 8),
        "IntStorage" => (Kind::Int, 4),
        other => return Err(format!("{other} is not supported")),
    };
    let length = numbers.len() / width;
    // The last number that the shape reaches.
    let reach = stored.size.iter().zip(&stored.stride).try_fold(stored.offset, |reach, (&size, &stride)| {
        (size >= 0 && stride >= 0).then(|| reach.checked_add((size - 1).max(0).checked_mul(stride)?)).flatten()
    });
    let is_inside = reach.is_some_and(|reach| stored.offset >= 0 && reach < length as i64);
    if stored.size.len() != stored.stride.len() || !is_inside {
        return Err("its shape does not fit its numbers".into());
    }
    let make = || {
        let flat = Tensor::f_from_data_size(&numbers[..length * width], &[length as i64], kind)?;
        flat.f_as_strided(stored.size.as_slice(), stored.stride.as_slice(), stored.offset).map(|view| view.contiguous())
    };
    make().map_err(|error: tch::TchError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(size: &[i64], stride: &[i64], offset: i64) -> Stored {
        let (storage, kind) = ("0".into(), "FloatStorage".into());
        Stored { storage, kind, offset, size: size.into(), stride: stride.into() }
    }

    #[test]
    fn views_are_read_as_they_lie_and_never_beyond_the_numbers() {
        let numbers: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let read =
            |stored: &Stored| tensor(stored, &numbers).map(|tensor| Vec::<f32>::try_from(tensor.view(-1)).unwrap());
        assert_eq!(read(&stored(&[2, 2], &[1, 2], 1)).unwrap(), [1.0, 3.0, 2.0, 4.0]);
        for wrong in [
            stored(&[7], &[1], 0),
            stored(&[2], &[1], 5),
            stored(&[2], &[1, 1], 0),
            stored(&[1], &[1], -1),
            stored(&[3], &[-1], 2),
            stored(&[i64::MAX, i64::MAX], &[i64::MAX, 1], 0),
        ] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pt");
        std::fs::write(&path, b"nothing").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("x.pt") && error.contains("torch.save"), "{error}");
    }
}
