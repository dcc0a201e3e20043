//! From the trainer's folder to a bundle.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bundle::{PackError, inspect, pack};

use crate::world::{Files, device, id, keys, model_files, packing, root, take};

fn write(folder: &Path, files: &Files) {
    fs::create_dir_all(folder.join("plots")).unwrap();
    files.iter().for_each(|(path, content)| fs::write(folder.join(path), content).unwrap());
}

fn packed(folder: &Path, numbers: &[u8]) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    pack(folder, &packing(17), &keys(numbers), &mut bytes).map(|_| bytes)
}

#[test]
fn a_folder_becomes_a_bundle_that_a_device_takes() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &model_files(1, "1"));
    let bytes = packed(folder.path(), &[11]).unwrap();
    assert_eq!(bytes, packed(folder.path(), &[11]).unwrap(), "the same folder gives the same bytes");
    let (digest, files) = take(&bytes, &root(1), &device()).unwrap();
    let mut expected = model_files(1, "1");
    expected.insert("LICENCE.txt".into(), b"research only\n".to_vec());
    assert_eq!(files, expected);
    let inspected = inspect(&bytes[..]).unwrap();
    assert_eq!((inspected.digest, inspected.signed_by), (digest, vec![id(11)]));
    assert_eq!(
        (&*inspected.manifest.name, &*inspected.manifest.version, inspected.manifest.sequence),
        ("test-model", "1", 17)
    );
    assert_eq!(inspected.manifest.engines, ["tensorrt", "tract"]);
}

#[test]
fn the_shipped_model_can_be_packed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/default");
    let bytes = packed(&folder, &[11]).unwrap();
    let (_, files) = take(&bytes, &root(1), &device()).unwrap();
    for (path, content) in files.iter().filter(|(path, _)| *path != "LICENCE.txt") {
        assert_eq!(*content, fs::read(folder.join(path)).unwrap(), "{path}");
    }
}

#[test]
fn what_no_device_would_take_is_not_packed() {
    let refused = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &model_files(1, "1"));
        change(folder.path());
        packed(folder.path(), &[11]).unwrap_err()
    };
    let remove = |name: &'static str| refused(&move |folder| fs::remove_file(folder.join(name)).unwrap());
    assert!(matches!(remove("network.onnx"), PackError::Missing("network.onnx")));
    assert!(matches!(remove("golden.json"), PackError::Missing("golden.json")));
    assert!(matches!(remove("MODEL_CARD.md"), PackError::Refused(_)));
    let foreign = refused(&|folder| fs::write(folder.join("release.key"), "secret").unwrap());
    assert!(matches!(foreign, PackError::Foreign(name) if name == "release.key"));
    let foreign = refused(&|folder| fs::write(folder.join("plots/.x"), "").unwrap());
    assert!(matches!(foreign, PackError::Foreign(_)));
    let link = refused(&|folder| symlink("roc.svg", folder.join("plots/link.svg")).unwrap());
    assert!(matches!(link, PackError::Unreadable { .. }));
    let network = refused(&|folder| fs::write(folder.join("network.onnx"), "other").unwrap());
    assert!(matches!(network, PackError::Model(_)));
    let golden = refused(&|folder| fs::write(folder.join("golden.json"), r#"{"tolerance":1,"vectors":[]}"#).unwrap());
    assert!(matches!(golden, PackError::Refused(_)));
    let large = refused(&|folder| fs::write(folder.join("MODEL_CARD.md"), vec![b' '; (1 << 20) + 1]).unwrap());
    assert!(matches!(large, PackError::TooLarge { .. }));
    let empty = refused(&|folder| fs::write(folder.join("MODEL_CARD.md"), "").unwrap());
    assert!(matches!(empty, PackError::Refused(_)));
    let none = pack(Path::new("no-such-folder"), &packing(1), &keys(&[11]), &mut Vec::new());
    assert!(matches!(none, Err(PackError::Unreadable { .. })));
}
