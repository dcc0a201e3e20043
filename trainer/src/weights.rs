//! Weights in files: `.safetensors`, `.npz`, `.ot` and, for reading, PyTorch's `.pt` and `.pth`.
//!
//! Names and shapes are torchvision's. What is written is read back by PyTorch, NumPy and tch.

mod machine;
mod pickle;

use std::collections::BTreeMap;
use std::path::Path;

use contract::Topology;
use tch::{Device, Kind, Tensor};

use crate::error::{Result, TrainerError};
use crate::network::{Network, Tensors};
use crate::seed::{Purpose, generator};

/// Reads named tensors; the format is that of the file's ending.
///
/// # Errors
/// When the ending is none of the known ones or the file does not hold what it says.
pub fn read(path: &Path) -> Result<Tensors> {
    std::fs::metadata(path).map_err(TrainerError::file("read", path))?;
    let tensors = match ending(path) {
        "safetensors" => Tensor::read_safetensors(path),
        "npz" => Tensor::read_npz(path),
        "ot" => Tensor::load_multi(path),
        "pt" | "pth" => return pickle::read(path),
        _ => return Err(unknown_ending(path)),
    };
    Ok(tensors.map_err(|error| TrainerError::weights(path, error))?.into_iter().collect())
}

/// Writes named tensors beside `path` and renames: what is there is whole, or not there.
///
/// # Errors
/// When the ending is none of the known ones or the file cannot be written, for instance on a full disk.
pub fn write(tensors: &Tensors, path: &Path) -> Result<()> {
    let list: Vec<(&str, Tensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), plain(tensor))).collect();
    let part = path.with_file_name(format!(".part-{}", path.file_name().unwrap_or_default().to_string_lossy()));
    let written = match ending(path) {
        "safetensors" => Tensor::write_safetensors(&list, &part),
        "npz" => Tensor::write_npz(&list, &part),
        "ot" => Tensor::save_multi(&list, &part),
        _ => return Err(unknown_ending(path)),
    };
    let synced = written.map_err(|error| TrainerError::weights(path, error)).and_then(|()| {
        let file = std::fs::File::open(&part).map_err(TrainerError::file("write", path))?;
        file.sync_all().map_err(TrainerError::file("write", path))?;
        std::fs::rename(&part, path).map_err(TrainerError::file("write", path))
    });
    if synced.is_err() {
        // A full disk needs the room; the error that matters is the first one.
        let _ = std::fs::remove_file(&part);
    }
    synced
}

/// The seeded weights of [`export::untrained`], as tensors.
///
/// # Errors
/// Never for a sound topology.
pub fn untrained(topology: &Topology) -> Result<Tensors> {
    let weights = export::untrained::untrained_weights(topology).map_err(export::ExportError::from)?;
    let tensors = weights.iter().map(|(name, tensor)| {
        let shape: Vec<i64> = tensor.shape.iter().map(|&side| i64::from(side)).collect();
        (name.to_owned(), Tensor::from_slice(&tensor.values).reshape(shape))
    });
    Ok(tensors.collect())
}

/// Gives a one-output network a new classifier, if the file has one of another size (ImageNet's 1,000 classes), none, or
/// if `always`: weights even between ±1/√channels as torchvision draws them, bias 0.
pub fn replace_classifier(tensors: &mut Tensors, topology: &Topology, seed: u64, always: bool) {
    let channels = i64::from(topology.head_channels);
    let fits = tensors.get("classifier.1.weight").is_some_and(|weight| weight.size() == [1, channels]);
    if fits && !always {
        return;
    }
    let mut generator = generator(seed, Purpose::Classifier, &[]);
    let bound = 1.0 / (channels as f64).sqrt();
    let values: Vec<f32> = (0..channels).map(|_| ((2.0 * generator.f64() - 1.0) * bound) as f32).collect();
    tensors.insert("classifier.1.weight".into(), Tensor::from_slice(&values).unsqueeze(0));
    tensors.insert("classifier.1.bias".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
}

/// A network's weights as `export` wants them.
///
/// # Errors
/// When a value is not finite.
pub fn to_export(network: &Network) -> Result<export::Weights> {
    let mut tensors = BTreeMap::new();
    for spec in network.topology().tensors() {
        let mut values = vec![0_f32; spec.len() as usize];
        let tensor = plain(network.tensor(&spec.name));
        tensor.f_copy_data(&mut values, spec.len() as usize)?;
        tensors.insert(spec.name, export::Tensor { shape: spec.shape, values });
    }
    Ok(export::Weights::new(network.topology(), tensors).map_err(export::ExportError::from)?)
}

/// Without gradient, in one piece, on the CPU.
fn plain(tensor: &Tensor) -> Tensor {
    tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous()
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn unknown_ending(path: &Path) -> TrainerError {
    TrainerError::weights(path, "the ending is none of .safetensors, .npz, .ot (and .pt, .pth for reading)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let tensors: Tensors = [("a.b".to_owned(), Tensor::from_slice(&[1.5_f32, -2.0, 3.0]).reshape([1, 3]))].into();
        for name in ["x.safetensors", "x.npz", "x.ot"] {
            let path = folder.path().join(name);
            write(&tensors, &path).unwrap();
            let back = read(&path).unwrap();
            assert_eq!(back.len(), 1, "{name}");
            assert_eq!(back["a.b"], tensors["a.b"], "{name}");
            assert_eq!(back["a.b"].size(), [1, 3], "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no partial file is left");
    }

    #[test]
    fn other_endings_missing_and_broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read(&folder.path().join("x.npz")).unwrap_err().to_string();
        assert!(missing.starts_with("read ") && missing.contains("x.npz"), "{missing}");
        let broken = folder.path().join("x.safetensors");
        std::fs::write(&broken, b"nothing").unwrap();
        assert!(read(&broken).unwrap_err().to_string().contains("x.safetensors"));
        assert!(write(&Tensors::new(), &folder.path().join("x.txt")).unwrap_err().to_string().contains(".npz"));
    }
}
