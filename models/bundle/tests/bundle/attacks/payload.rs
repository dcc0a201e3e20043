//! Good manifests over other files than they name, and files that do not belong together.

use contract::manifest::{Manifest, ModelLabel};
use contract::preprocess::PreprocessSpec;
use contract::{Digest, Golden};

use super::{Attack, late};
use crate::world::{Parts, model_files};

/// The good bundle whose model's own manifest says something else, described and signed.
fn model(name: &str, change: fn(&mut Manifest)) -> Attack {
    let good = Parts::good();
    let mut manifest: Manifest = serde_json::from_slice(&good.files["manifest.json"]).unwrap();
    change(&mut manifest);
    late(name, good.holding("manifest.json", &serde_json::to_vec(&manifest).unwrap()).bytes(), "B601")
}

fn other_preprocess(manifest: &mut Manifest) {
    let mut spec: PreprocessSpec = manifest.preprocess;
    spec.input.rows += 1;
    manifest.preprocess = spec;
}

pub fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut changed = |name: String, code, change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::good();
        change(&mut parts);
        attacks.push(late(name, parts.bytes(), code));
    };
    let paths: Vec<String> = Parts::good().files.keys().cloned().collect();
    for path in &paths {
        changed(format!("tampered {path}"), "B502", &|parts| parts.files.get_mut(path).unwrap()[0] ^= 1);
        changed(format!("last byte of {path}"), "B502", &|parts| {
            *parts.files.get_mut(path).unwrap().last_mut().unwrap() ^= 0x80;
        });
        changed(format!("{path} with a byte more"), "B501", &|parts| parts.files.get_mut(path).unwrap().push(0));
        changed(format!("{path} with a byte less"), "B501", &|parts| {
            parts.files.get_mut(path).unwrap().pop().unwrap();
        });
    }
    changed("network of another bundle".into(), "B502", &|parts| {
        let network = model_files(2, "1").remove("network.onnx").unwrap();
        parts.files.insert("network.onnx".into(), network);
    });
    let golden = |change: fn(&mut Golden)| {
        let good = Parts::good();
        let mut golden: Golden = serde_json::from_slice(&good.files["golden.json"]).unwrap();
        change(&mut golden);
        good.holding("golden.json", &serde_json::to_vec(&golden).unwrap()).bytes()
    };
    let good = Parts::good;
    attacks.extend([
        model("model of another name", |manifest| manifest.name = "other".into()),
        model("model of another version", |manifest| manifest.version = "2".into()),
        model("model of another label", |manifest| manifest.label = ModelLabel::Untrained),
        model("model of another contract", |manifest| manifest.contract.minor += 1),
        model("model for another network", |manifest| manifest.network = Digest::of(b"another")),
        model("model with another preprocessing", other_preprocess),
        late("model's manifest of no form", good().holding("manifest.json", b"{}").bytes(), "B601"),
        late("golden vectors of no form", good().holding("golden.json", b"{}").bytes(), "B601"),
        late("no golden vector", golden(|golden| golden.vectors.clear()), "B602"),
        late("tolerance that allows everything", golden(|golden| golden.tolerance = 1.0), "B602"),
    ]);
    attacks
}

#[test]
fn a_disk_that_does_not_take_a_file_is_told_from_a_bad_bundle() {
    struct Full(&'static str);
    impl Full {
        fn at(&self, place: &str) -> std::io::Result<()> {
            if self.0 == place { Err(std::io::Error::other("full")) } else { Ok(()) }
        }
    }
    impl bundle::Unpack for Full {
        fn begin(&mut self, _: &bundle::FileEntry) -> std::io::Result<()> {
            self.at("begin")
        }
        fn write(&mut self, _: &bundle::FileEntry, _: &[u8]) -> std::io::Result<()> {
            self.at("write")
        }
        fn end(&mut self, _: &bundle::FileEntry) -> std::io::Result<()> {
            self.at("end")
        }
    }
    let good = Parts::good().bytes();
    for place in ["begin", "write", "end"] {
        let opened = bundle::open(&good[..], &crate::world::root(1), &crate::world::device()).unwrap();
        assert_eq!(opened.unpack(&mut Full(place)).unwrap_err().code(), "B503");
    }
}
