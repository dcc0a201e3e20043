//! `mamoru results verify-destination`, run as a technician runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use domain::UnixMillis;
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, reread};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A PACS that knows Secondary Captures and mammograms, and no structured reports.
struct Pacs {
    address: SocketAddr,
    queue: Queue,
    state: StateDir,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Pacs {
    fn start(folder: &Path, disk_free_bytes_min: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let state = StateDir::create(folder).unwrap();
        let (queue, _) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = ReceiverConfig { listen, ae_title: "PACS".into(), disk_free_bytes_min, ..Default::default() };
        let receiver = runtime.block_on(Receiver::bind(config, queue.clone(), state.clone())).unwrap();
        let (address, stop) = (receiver.local_addr(), watch::Sender::new(false));
        runtime.spawn(receiver.run(stop.subscribe()));
        Self { address, queue, state, _stop: stop, _runtime: runtime }
    }
}

fn config(folder: &Path, destination: &str) -> PathBuf {
    let path = folder.join("mamoru.toml");
    let state = folder.join("state");
    std::fs::write(&path, format!("state_dir = {state:?}\nmodel = \"untrained\"\n[[destinations]]\n{destination}\n"))
        .unwrap();
    path
}

fn verify(name: &str, config: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
    command.args(["results", "verify-destination", name, "--config"]).arg(config).args(more).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// `name outcome` of each object.
fn outcomes(report: &Value) -> Vec<String> {
    let objects = report["objects"].as_array().unwrap().iter();
    objects
        .map(|object| format!("{} {}", object["name"].as_str().unwrap(), object["outcome"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_pacs_is_shown_what_it_would_get_and_the_next_kind_goes_where_one_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let pacs = Pacs::start(&folder.path().join("pacs"), 0);
    let objects = "objects = [[\"cad_sr\", \"comprehensive_sr\", \"summary\"], \"heatmap\"]";
    let destination = format!("name = \"pacs\"\naddress = \"{}\"\ncalled_ae = \"PACS\"\n{objects}", pacs.address);
    let config = config(folder.path(), &destination);
    let output = verify("pacs", &config, &["--json", "--images"]);
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    assert_eq!((&report["ok"], &report["notice"]), (&true.into(), &results::NOTICE.into()));
    let expected = [
        "image-R-CC taken",
        "image-R-MLO taken",
        "image-L-CC taken",
        "image-L-MLO taken",
        "cad-sr replaced",
        "comprehensive-sr replaced",
        "summary taken",
        "heatmap-01 taken",
        "heatmap-02 taken",
        "heatmap-03 taken",
        "heatmap-04 taken",
    ];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(pacs.queue.counts().unwrap().waiting, 9);
    for record in pacs.queue.waiting(9).unwrap().iter().skip(4) {
        let file = std::fs::read(pacs.state.spool().join(&record.received.spool.name)).unwrap();
        let says = |words: &str| file.windows(words.len()).any(|window| window == words.as_bytes());
        assert!(says(domain::SYNTHETIC_NOTICE), "{}", record.received.sop_class);
    }
    assert!(!folder.path().join("state").exists(), "no state is begun");
    // The same objects again: a PACS that has them has nothing new.
    let again = verify("pacs", &config, &[]);
    assert!(again.status.success(), "{again:?}");
    let counts = pacs.queue.counts().unwrap();
    assert_eq!((counts.waiting, counts.conflicts), (9, 0));
    let text = String::from_utf8(again.stdout).unwrap();
    for part in [results::NOTICE, "not accepted, the next kind goes instead", "PHANTOM^MAMORU", "Patient ID PHANTOM-2"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn what_a_destination_does_not_take_is_said_with_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let full = Pacs::start(&folder.path().join("pacs"), u64::MAX);
    let to = |address: SocketAddr, objects: &str| {
        config(
            folder.path(),
            &format!("name = \"pacs\"\naddress = \"{address}\"\ncalled_ae = \"PACS\"\nobjects = {objects}"),
        )
    };
    let output = verify("pacs", &to(full.address, "[\"summary\", \"cad_sr\"]"), &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(outcomes(&json(&output)), ["summary failed", "cad-sr not_accepted"]);

    // Nobody listens there any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = verify("pacs", &to(closed, "[\"summary\", \"heatmap\"]"), &["--json"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(outcomes(&json(&output)), ["summary unreachable"], "nothing more is tried");
}

#[test]
fn a_destination_that_is_not_configured_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "name = \"reports\"\nfolder = \"reports\"");
    let output = verify("pacs", &config, &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("there is no destination pacs; the configuration has: reports"), "{error}");
}
