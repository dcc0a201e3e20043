//! `mamoru bundle`, from the maker's keys to the service that runs an installed model, on the command itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use contract::outputs::METADATA_BIAS;
use contract::{Digest, Golden, GoldenVector, Manifest};
use engine_tract::{Layout, TractEngine};
use inference::{Engine as _, ModelFiles, conformance, golden};
use serde_json::Value;

fn mamoru(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru")).args(arguments).output().unwrap()
}

/// Runs `mamoru bundle ... --json`.
fn run(arguments: &[&str]) -> Output {
    mamoru(&[&["bundle"], arguments, &["--json"]].concat())
}

fn done(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The code of a refusal, which also says what happened and what to do.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
    assert!(!told["error"].as_str().unwrap().is_empty() && told["advice"].as_str().unwrap().ends_with('.'));
    told["code"].as_str().unwrap().to_owned()
}

/// A maker with keys, and a device that was set up with its key set.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        done(&["keygen", &site.path("keys")]);
        fs::create_dir(site.path("state")).unwrap();
        fs::copy(site.path("keys/keys.json"), site.path("state/keys.json")).unwrap();
        site
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A bundle of a small model, whose files `change` may change before they are packed.
    fn pack(&self, version: &str, sequence: u64, more: &[&str], change: impl FnOnce(&Path)) -> (String, String) {
        let folder = PathBuf::from(self.path(&format!("model-{version}")));
        write_model(&folder, version);
        change(&folder);
        let (key, out) = (self.path("keys/release.key"), self.path(&format!("{version}.mbundle")));
        let (folder, sequence) = (folder.to_str().unwrap(), sequence.to_string());
        let mut arguments = vec!["pack", folder, "--sequence", &sequence, "--licence", "tests only", "--out", &out];
        if !more.contains(&"--key") {
            arguments.extend(["--key", &key]);
        }
        arguments.extend(more);
        let facts = done(&arguments);
        (out.clone(), facts["bundle"].as_str().unwrap().to_owned())
    }

    fn device(&self, arguments: &[&str]) -> Value {
        done(&[arguments, &["--state", &self.path("state")]].concat())
    }

    fn device_refuses(&self, arguments: &[&str]) -> String {
        refused(&[arguments, &["--state", &self.path("state")]].concat())
    }

    /// Starts a service whose models are confirmed by whom it is said; and the version of the model that it is ready with.
    fn start(&self, confirmed_by: &str) -> (Service, String) {
        let config = self.path("mamoru.toml");
        let text = format!(
            "state_dir = {:?}\n[receiver]\nlisten = \"127.0.0.1:0\"\n[updates]\nconfirmed_by = {confirmed_by:?}\n",
            self.path("state")
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
        command.args(["serve", "--json", "--config", &config]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut service = Service(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("the service was not ready: {line:?}"));
        (service, version(&ready["model"]))
    }

    /// Starts the service once, for as long as it takes to be ready; the version of its model.
    fn serve(&self) -> String {
        self.start("person").1
    }

    /// The running service.
    fn status(&self) -> Value {
        let output = mamoru(&["status", "--json", "--state", &self.path("state")]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The version of the model that the running service scores with.
    fn scores_with(&self) -> String {
        version(&self.status()["model"])
    }
}

/// A running service, which ends with its owner.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn version(model: &Value) -> String {
    if model["name"] == "bundled" { model["version"].as_str().unwrap().to_owned() } else { "built-in".into() }
}

fn write_model(folder: &Path, version: &str) {
    let (topology, spec) = conformance::small_model();
    let (mut manifest, network) = export::untrained_model(&topology, spec).unwrap();
    manifest.name = "bundled".into();
    manifest.version = version.into();
    let files = ModelFiles::new(manifest.clone(), network.clone()).unwrap();
    let mut loaded = TractEngine::new(1, Layout::Natural).load(&files).unwrap();
    let outputs = loaded.run(&golden::input(&manifest, 1)).unwrap();
    let (logit, probability, cam) = (outputs.logit, outputs.probability, outputs.cam.values);
    let golden = Golden { tolerance: 1e-3, vectors: vec![GoldenVector { seed: 1, logit, probability, cam }] };
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("network.onnx"), network).unwrap();
    fs::write(folder.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
    fs::write(folder.join("golden.json"), serde_json::to_vec(&golden).unwrap()).unwrap();
    fs::write(folder.join("MODEL_CARD.md"), "# bundled\n").unwrap();
}

/// Exchanges the network for another one, and says so in the model's manifest.
fn change_network(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut network = fs::read(folder.join("network.onnx")).unwrap();
    change(&mut network);
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    manifest.network = Digest::of(&network);
    fs::write(folder.join("network.onnx"), network).unwrap();
    fs::write(folder.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn a_model_goes_from_keys_to_the_running_service_and_back() {
    let site = Site::new();
    let (one, first) = site.pack("1", 1, &[], |_| ());
    let inspected = done(&["inspect", &one]);
    assert_eq!((&inspected["name"], &inspected["trusted"]), (&"bundled".into(), &"not checked".into()));
    assert_eq!(done(&["verify", &one, "--keys", &site.path("keys/keys.json")])["trusted"], true);
    assert_eq!(site.device(&["install", &one])["bundle"], first.as_str());
    assert_eq!(site.serve(), "built-in", "an installed model waits");
    site.device(&["activate", "--starts", "2"]);
    assert_eq!(site.device_refuses(&["confirm"]), "U107", "it has not run yet");
    assert_eq!(site.serve(), "1");
    site.device(&["confirm", &first[..12]]);
    // A model that is never confirmed goes after its starts.
    let (two, second) = site.pack("2", 2, &[], |_| ());
    site.device(&["install", &two]);
    site.device(&["activate", "--starts", "1"]);
    assert_eq!([site.serve(), site.serve()], ["2", "1"]);
    let list = site.device(&["list"]);
    assert_eq!((&list["active"]["version"], &list["sequence_floor"]), (&"1".into(), &1.into()));
    assert_eq!(list["denied"][0]["bundle"], second.as_str());
    assert_eq!(site.device_refuses(&["install", &two]), "B403");
    site.device(&["allow", &second]);
    site.device(&["install", &two]);
    site.device(&["shadow", &second]);
    assert_eq!(site.device(&["list"])["shadow"]["version"], "2");
    site.device(&["remove", &second]);
    assert_eq!(site.device(&["rollback", "--why", "worse"]), "built_in");
    assert_eq!(site.serve(), "built-in");
    assert_eq!(site.device_refuses(&["rollback"]), "U105");
    assert_eq!(site.device_refuses(&["activate", "0000"]), "U103");
}

#[test]
fn a_running_service_changes_over_confirms_and_goes_back() {
    let site = Site::new();
    let (service, first) = site.start("service");
    assert_eq!(first, "built-in");
    let (one, _) = site.pack("1", 1, &[], |_| ());
    site.device(&["install", &one]);
    assert_eq!(site.device(&["activate"])["trial"], "confirmed");
    assert_eq!(site.scores_with(), "1", "the same process changed over");
    assert_eq!(site.device(&["list"])["active"]["version"], "1");
    // It loads well and gives its golden vectors, but an image's map does not belong to its score.
    let (two, bundle) = site.pack("2", 2, &[], |folder| change_network(folder, |network| another_bias(network)));
    site.device(&["install", &two]);
    assert_eq!(site.device_refuses(&["activate"]), "U301");
    let list = site.device(&["list"]);
    assert_eq!((&list["active"]["version"], &list["candidate"]), (&"1".into(), &Value::Null));
    assert_eq!(list["denied"][0]["bundle"], bundle.as_str());
    assert!(list["denied"][0]["why"].as_str().unwrap().contains("synthetic exam"), "{list}");
    until(|| site.scores_with() == "1");
    assert_eq!(site.device(&["rollback", "--why", "worse"]), "built_in");
    until(|| site.scores_with() == "built-in");
    drop(service);
    assert_eq!(site.serve(), "built-in");
}

#[test]
fn a_running_service_leaves_a_trial_to_a_person_where_the_site_wants_it() {
    let site = Site::new();
    let (_service, _) = site.start("person");
    let (one, _) = site.pack("1", 1, &[], |_| ());
    site.device(&["install", &one]);
    let config = site.path("mamoru.toml");
    assert_eq!(done(&["activate", "--config", &config])["trial"], "on_trial");
    until(|| site.scores_with() == "1");
    assert!(site.device(&["list"])["candidate"]["trial"]["starts"] == 1);
    site.device(&["confirm"]);
    assert_eq!(site.device(&["list"])["active"]["version"], "1");
}

#[test]
fn a_service_with_a_model_of_its_own_does_not_change_over() {
    let site = Site::new();
    let config = site.path("own.toml");
    let text =
        format!("state_dir = {:?}\nmodel = \"untrained\"\n[receiver]\nlisten = \"127.0.0.1:0\"\n", site.path("state"));
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
    command.args(["serve", "--json", "--config", &config]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut service = Service(command.spawn().unwrap());
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let (one, _) = site.pack("1", 1, &[], |_| ());
    site.device(&["install", &one]);
    assert_eq!(site.device(&["activate"])["trial"], "not_taken");
    assert_eq!(site.scores_with(), "built-in");
}

#[test]
fn a_shadow_scores_beside_the_active_model_and_only_the_comparison_shows() {
    let site = Site::new();
    let (_service, _) = site.start("service");
    assert_eq!(site.status()["shadow"], Value::Null);
    let (one, bundle) = site.pack("1", 1, &[], |_| ());
    site.device(&["install", &one]);
    site.device(&["shadow", &bundle]);
    until(|| site.status()["shadow"]["bundle"] == bundle.as_str());
    assert_eq!((site.scores_with(), &site.status()["shadow"]["why"]), ("built-in".into(), &Value::Null));
    let exam = tempfile::tempdir().unwrap();
    phantom::Exam::new(5, phantom::Size::Small).write_into(exam.path()).unwrap();
    let to = format!("MAMORU@{}", site.status()["listen"].as_str().unwrap());
    let sent = mamoru(&["send", "--to", &to, exam.path().to_str().unwrap()]);
    assert!(sent.status.success(), "{sent:?}");
    until(|| site.status()["shadow"]["images"] == 4);
    let shadow = site.status()["shadow"].clone();
    assert!(shadow["difference_max"].as_f64().unwrap() > 0.0, "{shadow}");
    assert_eq!((&shadow["failed"], &shadow["skipped"]), (&0.into(), &0.into()));
    let text = String::from_utf8(mamoru(&["status", "--state", &site.path("state")]).stdout).unwrap();
    assert!(text.contains("shadow     bundled 1: 4 images compared, 0 failed, 0 skipped\n"), "{text}");
    site.device(&["remove", &bundle]);
    until(|| site.status()["shadow"] == Value::Null);
}

/// Another bias in the file's properties than in the network: the map then says another score than the network.
fn another_bias(network: &mut [u8]) {
    let key = METADATA_BIAS.as_bytes();
    let key_at = network.windows(key.len()).rposition(|window| window == key).unwrap();
    let digit = network[key_at + key.len()..].iter_mut().find(|byte| byte.is_ascii_digit()).unwrap();
    *digit = if *digit == b'9' { b'8' } else { b'9' };
}

fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to that");
    }
}

/// What is done to a model's folder before it is packed.
type Fault<'a> = &'a dyn Fn(&Path);

#[test]
fn a_model_that_does_not_work_here_changes_nothing() {
    let site = Site::new();
    let golden = |folder: &Path| {
        let mut golden: Golden = serde_json::from_slice(&fs::read(folder.join("golden.json")).unwrap()).unwrap();
        golden.vectors[0].logit += 1.0;
        fs::write(folder.join("golden.json"), serde_json::to_vec(&golden).unwrap()).unwrap();
    };
    let not_a_number = |network: &mut Vec<u8>| {
        // Within the weights, which are most of the file.
        let middle = network.len() / 2;
        network[middle..middle + 256]
            .chunks_exact_mut(4)
            .for_each(|value| value.copy_from_slice(&f32::NAN.to_le_bytes()));
    };
    let faults: [(&str, Fault); 3] = [
        ("golden", &golden),
        ("nan", &|folder| change_network(folder, not_a_number)),
        ("nonsense", &|folder| change_network(folder, |network| *network = b"no network".to_vec())),
    ];
    for (index, (name, fault)) in faults.into_iter().enumerate() {
        let (file, bundle) = site.pack(name, index as u64 + 1, &[], fault);
        site.device(&["install", &file]);
        assert_eq!(site.device_refuses(&["activate"]), "U301", "{name}");
        let list = site.device(&["list"]);
        assert_eq!((&list["active"], &list["candidate"]), (&"built_in".into(), &Value::Null), "{name}");
        assert_eq!(list["denied"].as_array().unwrap().last().unwrap()["bundle"], bundle.as_str(), "{name}");
    }
    assert_eq!(site.serve(), "built-in");
}

#[test]
fn refusals_come_with_codes_and_leave_no_model() {
    let site = Site::new();
    let (good, _) = site.pack("1", 1, &[], |_| ());
    let bytes = fs::read(&good).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(site.path(name), bytes).unwrap();
        site.path(name)
    };
    let mut tampered = bytes.clone();
    let at = tampered.len() - 3_000;
    tampered[at] ^= 1;
    done(&["keygen", &site.path("others")]);
    let others_key = site.path("others/release.key");
    let (others, _) = site.pack("others", 1, &["--key", &others_key], |_| ());
    for (file, code) in [
        (write("cut", &bytes[..bytes.len() / 2]), "B102"),
        (write("text", b"hello"), "B103"),
        (write("tampered", &tampered), "B502"),
        (others, "B202"),
    ] {
        assert_eq!(site.device_refuses(&["install", &file]), code);
        assert_eq!(refused(&["verify", &file, "--keys", &site.path("keys/keys.json")]), code);
    }
    assert_eq!(site.device(&["list"])["candidate"], Value::Null);
    // Without --json the same is said in words.
    let output = mamoru(&["bundle", "install", &site.path("text"), "--state", &site.path("state")]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("this file is no model bundle (B103)") && text.contains(".mbundle"), "{text}");
    fs::remove_file(site.path("state/keys.json")).unwrap();
    let output = mamoru(&["bundle", "install", &good, "--state", &site.path("state")]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--keys"), "the missing key set is named");
}

#[test]
fn a_lost_key_is_revoked_by_a_bundle() {
    let site = Site::new();
    let ids = done(&["keygen", &site.path("new"), "--role", "release"]);
    assert!(ids["keys"]["release"].is_string());
    let old: Value = serde_json::from_slice(&fs::read(site.path("keys/keys.json")).unwrap()).unwrap();
    let lost = old["roles"]["release"]["keys"][0].as_str().unwrap();
    let (keys, new) = (site.path("keys/keys.json"), site.path("new/release.key"));
    let (root, sets) = (site.path("keys/root.key"), site.path("sets"));
    let rotated =
        done(&["rotate", "--keys", &keys, "--sign", &root, "--release", &new, "--revoke", lost, "--out", &sets]);
    assert_eq!(rotated["version"], 2);
    let (file, _) = site.pack("1", 1, &["--key", &new, "--key-sets", &sets], |_| ());
    site.device(&["install", &file]);
    let (by_lost, _) = site.pack("2", 2, &[], |_| ());
    assert_eq!(site.device_refuses(&["install", &by_lost]), "B203");
    // A key set that devices would not follow is not written.
    let output = run(&["rotate", "--keys", &keys, "--sign", &new, "--release", &new, "--out", &site.path("bad")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!Path::new(&site.path("bad")).exists());
}
