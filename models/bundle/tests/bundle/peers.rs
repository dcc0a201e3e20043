//! Other software: GNU tar lists a bundle, OpenSSL checks its signature.

use std::fs;
use std::process::Command;

use crate::world::{Parts, key};

/// Runs a program; `None`, with a line, where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<std::process::Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("not run: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn tar_lists_and_unpacks_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.mbundle");
    let parts = Parts::good();
    fs::write(&path, parts.bytes()).unwrap();
    let Some(listed) = run("tar", &["-tf", path.to_str().unwrap()]) else { return };
    assert!(listed.status.success() && listed.stderr.is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    assert!(names.starts_with("bundle.json\nsignatures.json\nmodel/LICENCE.txt\n"), "{names}");
    let unpacked = run("tar", &["-xf", path.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]).unwrap();
    assert!(unpacked.status.success());
    assert_eq!(fs::read(folder.path().join("model/network.onnx")).unwrap(), parts.files["network.onnx"]);
}

#[test]
fn openssl_checks_the_signature() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::good();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4).
    let public = key(11).public().to_string();
    let public: Vec<u8> =
        (0..32).map(|index| u8::from_str_radix(&public[2 * index..2 * index + 2], 16).unwrap()).collect();
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let key = write("key.der", &[&head[..], &public].concat());
    let (_, signature) = parts.signatures.iter().next().unwrap();
    let signature = write("signature", &signature);
    let manifest = write("bundle.json", &parts.manifest);
    let other = write("other.json", &Parts::good().saying(|manifest| manifest.sequence = 18).manifest);
    let verify = |text: &str| {
        let arguments = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin", "-in", text];
        run("openssl", &[&arguments[..], &["-sigfile", &signature]].concat())
    };
    let Some(good) = verify(&manifest) else { return };
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(!verify(&other).unwrap().status.success());
}
