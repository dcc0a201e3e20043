//! The command on the NVIDIA engine: on doubles of NVIDIA's libraries, in which our own kernels run as on a device and the network
//! is computed by the CPU engine. What the command then says of an exam is what it says on the CPU. That TensorRT computes the
//! network needs hardware.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use contract::Manifest;
use engine_tract::{Layout, TractEngine};
use half::f16;
use imaging::prepare;
use inference::{Engine as _, Loaded, ModelFiles};
use phantom::{Exam, Size};
use serde_json::Value;
use tempfile::TempDir;

/// Half precision rounds the network's input; the network itself is the CPU's.
const SCORES_APART_MAX: f64 = 2e-3;

/// Compiles the doubles into a folder, unless they are there.
const BUILD: &str = "engine-nvidia/tests/doubles/build";

/// A machine with an NVIDIA device, as far as the command can tell.
struct Machine {
    /// Libraries, and the command beside them: that is where it looks for TensorRT's shim.
    folder: TempDir,
    /// The command's working folder.
    state: TempDir,
}

impl Machine {
    /// `None`, and a line about it, where the doubles cannot be built.
    fn new() -> Option<Self> {
        let built = built()?;
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for library in fs::read_dir(built).unwrap().map(Result::unwrap) {
            let name = library.file_name();
            let to = folder.path().join(&name);
            if library.file_type().unwrap().is_symlink() {
                // One library under two names is one driver, two files would be two.
                std::os::unix::fs::symlink(fs::read_link(library.path()).unwrap(), to).unwrap();
            } else if name.to_str().is_some_and(|name| name.contains(".so")) {
                fs::copy(library.path(), to).unwrap();
            }
        }
        fs::hard_link(env!("CARGO_BIN_EXE_mamoru"), folder.path().join("mamoru")).unwrap();
        let (model, socket) = (default_model(), folder.path().join("network"));
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || answer(&listener, &model));
        let machine = Self { folder, state: tempfile::tempdir().unwrap() };
        machine.tell(&[]);
        Some(machine)
    }

    /// What the doubles are to do beside running the network.
    fn tell(&self, lines: &[&str]) {
        let network = format!("network={}", self.folder.path().join("network").display());
        let lines: Vec<&str> = lines.iter().copied().chain([network.as_str()]).collect();
        fs::write(self.folder.path().join("told"), lines.join("\n") + "\n").unwrap();
    }

    /// Runs the command in the machine.
    fn run(&self, engine: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.folder.path().join("mamoru"));
        command.args(arguments).env("MAMORU_ENGINE", engine).env("LD_LIBRARY_PATH", self.folder.path());
        command.current_dir(self.state.path()).output().unwrap()
    }

    /// The report on what is in `exam`.
    fn analyze(&self, engine: &str, exam: &Path) -> Value {
        let output = self.run(engine, &["analyze", "--json", exam.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The folder of the doubles, compiled once.
fn built() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !target.join("../tensorrt/headers").is_dir() {
        not_run(
            "the command on doubles of NVIDIA's libraries: tests/fetch-tensorrt has not fetched TensorRT's headers",
        );
        return None;
    }
    let (build, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(BUILD), target.join("nvidia-machine"));
    let output = Command::new(build).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

/// Says that tests cannot run here; `tests/run` collects these lines. Past the capture of what tests print.
fn not_run(what: &str) {
    let _ = writeln!(std::io::stderr(), "\nnot run: {what}");
}

fn default_model() -> ModelFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/default");
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    ModelFiles::new(manifest, fs::read(folder.join("network.onnx")).unwrap()).unwrap()
}

/// Answers the double's questions as long as there are any.
fn answer(listener: &UnixListener, model: &ModelFiles) {
    let mut loaded = TractEngine::new(1, Layout::Natural).load(model).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        while answer_one(&mut stream, loaded.as_mut()).is_some() {}
    }
}

/// Reads the bytes of a number, their count and the numbers; writes the map's cells, probability, logit and the map.
fn answer_one(stream: &mut UnixStream, loaded: &mut dyn Loaded) -> Option<()> {
    let (mut element, mut count) = ([0; 4], [0; 8]);
    stream.read_exact(&mut element).ok()?;
    stream.read_exact(&mut count).ok()?;
    let element = u32::from_le_bytes(element) as usize;
    let mut bytes = vec![0; element * u64::from_le_bytes(count) as usize];
    stream.read_exact(&mut bytes).ok()?;
    let input: Vec<f32> = match element {
        2 => bytes.as_chunks().0.iter().map(|&half| f16::from_le_bytes(half).to_f32()).collect(),
        _ => bytes.as_chunks().0.iter().map(|&single| f32::from_le_bytes(single)).collect(),
    };
    let outputs = loaded.run(&input).unwrap();
    let mut reply = (outputs.cam.values.len() as u64).to_le_bytes().to_vec();
    let numbers = [outputs.probability, outputs.logit].into_iter().chain(outputs.cam.values);
    reply.extend(numbers.flat_map(f32::to_le_bytes));
    stream.write_all(&reply).ok()
}

/// Side and view with what is said of each image, in order.
fn images(report: &Value) -> Vec<(String, &Value)> {
    let images = report["studies"][0]["images"].as_array().unwrap().iter();
    let mut images: Vec<_> =
        images.map(|image| (format!("{} {}", image["laterality"], image["view"]), image)).collect();
    images.sort_by(|one, other| one.0.cmp(&other.0));
    images
}

fn exam() -> (TempDir, Exam) {
    let folder = tempfile::tempdir().unwrap();
    let exam = Exam::new(3, Size::Small);
    exam.write_into(folder.path()).unwrap();
    (folder, exam)
}

#[test]
fn an_exam_is_scored_on_the_gpu_as_on_the_cpu() {
    let Some(machine) = Machine::new() else { return };
    let (folder, _) = exam();
    let (gpu, cpu) = (machine.analyze("nvidia", folder.path()), machine.analyze("cpu", folder.path()));
    let (gpu, cpu) = (images(&gpu), images(&cpu));
    assert_eq!((gpu.len(), cpu.len()), (4, 4));
    for ((side, gpu), (_, cpu)) in gpu.iter().zip(&cpu) {
        assert_eq!((&gpu["engine"], &cpu["engine"]), (&"nvidia".into(), &"tract".into()), "{side}");
        assert_eq!(gpu["geometry"], cpu["geometry"], "{side}");
        let apart = gpu["score"].as_f64().unwrap() - cpu["score"].as_f64().unwrap();
        assert!(apart.abs() < SCORES_APART_MAX, "{side}: {apart}");
    }
}

#[test]
fn the_network_gets_the_bits_of_the_cpus_preprocessing() {
    let Some(machine) = Machine::new() else { return };
    let (folder, exam) = exam();
    let spec = default_model().manifest().preprocess;
    for image in &exam.images {
        let file: PathBuf = folder.path().join(image.file_name());
        machine.analyze("nvidia", &file);
        let input = fs::read(machine.folder.path().join("input")).unwrap();
        let decoded = imaging::decode(fs::File::open(&file).unwrap()).unwrap();
        let prepared = prepare(&decoded, &spec).unwrap();
        let expected: Vec<u8> = prepared.tensor.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        assert!(input == expected, "{}", image.file_name());
    }
}

#[test]
fn a_gpu_that_fails_at_an_image_costs_its_result_and_is_named() {
    let Some(machine) = Machine::new() else { return };
    let (folder, _) = exam();
    // The golden vectors need no kernel of ours: the model is made ready, and then the first image's first kernel fails.
    machine.tell(&["crash=survey"]);
    let output = machine.run("nvidia", &["analyze", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let images = images(&report);
    assert_eq!(images.len(), 4);
    for (side, image) in images {
        assert_eq!(image["reason"]["code"], "ai_unavailable", "{side}: {image}");
    }
}

#[test]
fn a_plan_is_built_once_in_a_process_of_its_own_and_nothing_is_left_on_the_gpu() {
    let Some(machine) = Machine::new() else { return };
    let (folder, _) = exam();
    for engine in ["nvidia", "auto"] {
        let report = machine.analyze(engine, folder.path());
        assert!(images(&report).iter().all(|(_, image)| image["engine"] == "nvidia"), "{engine}: {report}");
    }
    let heard = fs::read_to_string(machine.folder.path().join("heard")).unwrap();
    assert_eq!(heard.lines().filter(|line| line.starts_with("builder")).count(), 1);
    let faults: Vec<&str> = heard.lines().filter(|line| line.starts_with("fault: ")).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_probe_says_what_is_there_and_what_is_missing() {
    let Some(machine) = Machine::new() else { return };
    let probe = || {
        let output = machine.run("nvidia", &["engine", "probe"]);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (is_usable, text) = probe();
    assert!(is_usable, "{text}");
    for found in ["Orin of a test", "NVRTC", "TensorRT 11"] {
        assert!(text.contains(found), "{found}: {text}");
    }
    fs::remove_file(machine.folder.path().join("libnvinfer.so.11")).unwrap();
    let (is_usable, text) = probe();
    assert!(!is_usable && text.contains("TensorRT is not installed"), "{text}");
}
