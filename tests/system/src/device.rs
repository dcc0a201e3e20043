//! The daemon as a process of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::machine::Place;
use crate::settings::Settings;
use crate::{program, until};

/// From the start to the ready line. Most of it is the network's optimisation, on a shared machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// From SIGTERM to the end; the device gives itself 60 s.
const STOP_LIMIT: Duration = Duration::from_secs(90);
/// Lines of the log that a failed test shows.
const LOG_LINES_SHOWN: usize = 60;

/// A device with a configuration, state and log of its own, running or not. Dropped, it is killed.
#[derive(Debug)]
pub struct Device {
    settings: Settings,
    config: PathBuf,
    log: PathBuf,
    running: Option<Running>,
    _place: Place,
}

#[derive(Debug)]
struct Running {
    child: Child,
    ready: Receiver<SocketAddr>,
    address: Option<SocketAddr>,
}

impl Device {
    /// A device that is not started yet; its configuration and log are written into `folder`. At most two of one test
    /// program are there at once: this waits for others.
    #[must_use]
    pub fn new(folder: &Path, settings: Settings) -> Self {
        let place = Place::take();
        let device = Self {
            config: folder.join("mamoru.toml"),
            log: folder.join("mamoru.log"),
            running: None,
            settings,
            _place: place,
        };
        device.write_config();
        device
    }

    /// A device that is ready.
    #[must_use]
    pub fn started(folder: &Path, settings: Settings) -> Self {
        let mut device = Self::new(folder, settings);
        device.start();
        device
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings for the next start.
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.write_config();
    }

    fn write_config(&self) {
        fs::write(&self.config, self.settings.to_string()).unwrap();
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().and_then(|running| running.address).expect("the device is not ready")
    }

    /// Starts the process and does not wait for it.
    pub fn spawn(&mut self) {
        assert!(self.running.is_none(), "the device runs already");
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--json", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("mamoru cannot be started");
        let output = child.stdout.take().unwrap();
        let (sender, ready) = channel();
        // Ends with the process, whose output then ends.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).expect("a line of JSON");
                assert_eq!(line["ready"], true);
                let _ = sender.send(line["listen"].as_str().unwrap().parse().unwrap());
            }
        });
        self.running = Some(Running { child, ready, address: None });
    }

    /// Is it ready within `limit`?
    pub fn is_ready_within(&mut self, limit: Duration) -> bool {
        let running = self.running.as_mut().expect("the device was not started");
        match running.ready.recv_timeout(limit) {
            Ok(address) => running.address = Some(address),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the device ended before it was ready: {}", self.log_tail()),
        }
        running.address.is_some()
    }

    /// Starts it and waits until it is ready; says how long that took.
    pub fn start(&mut self) -> Duration {
        let _ = program();
        let start = Instant::now();
        self.spawn();
        assert!(self.is_ready_within(START_LIMIT), "the device is not ready within {START_LIMIT:?}");
        start.elapsed()
    }

    /// SIGKILL, at whatever it is doing.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("the device does not run");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        let running = self.running.as_ref().expect("the device does not run");
        kill_process(pid(&running.child), Signal::TERM).unwrap();
    }

    /// Waits until the process has ended by itself or by SIGTERM.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.running.as_mut().expect("the device does not run").child;
        let status = until("the device ends", STOP_LIMIT, || child.try_wait().unwrap());
        self.running = None;
        status
    }

    /// SIGTERM, and the end; says how long that took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.terminate();
        (self.wait(), start.elapsed())
    }

    /// A command of `mamoru` that asks this device.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        Command::new(program()).args(arguments).arg("--config").arg(&self.config).output().unwrap()
    }

    fn ask_json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[arguments, &["--json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mamoru {arguments:?}: {errors}{}", self.log_tail());
        serde_json::from_slice(&output.stdout).expect("a JSON document")
    }

    /// `mamoru status --json`.
    #[must_use]
    pub fn status(&self) -> Value {
        self.ask_json(&["status"])
    }

    /// The deliveries that `mamoru queue --json` shows.
    #[must_use]
    pub fn queue(&self) -> Vec<Value> {
        self.ask_json(&["queue"])["deliveries"].as_array().cloned().unwrap()
    }

    /// `mamoru queue retry`: how many results are tried again.
    #[must_use]
    pub fn retry(&self) -> u64 {
        self.ask_json(&["queue", "retry"])["retried"].as_u64().unwrap()
    }

    /// Waits until every received instance is decided and reported, and nothing is left to be tried.
    pub fn settle(&self, limit: Duration) {
        until("everything is reported and delivered", limit, || {
            let status = self.status();
            let queue = &status["queue"];
            let open = ["waiting", "studies_open", "deliveries_due", "deliveries_uncommitted"];
            let is_settled = open.iter().all(|count| queue[count] == 0);
            is_settled.then_some(())
        });
    }

    /// Everything that it wrote on standard error, over all starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("\n{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"))
    }

    /// The most resident memory of the daemon so far, in bytes.
    #[must_use]
    pub fn memory_bytes_max(&self) -> u64 {
        let running = self.running.as_ref().expect("the device does not run");
        peak_bytes(running.child.id()).expect("the device does not run")
    }

    /// The most resident memory so far of the workers that run just now, in bytes.
    #[must_use]
    pub fn workers_memory_bytes(&self) -> u64 {
        let id = self.running.as_ref().expect("the device does not run").child.id();
        let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> =
            children.flat_map(|ids| ids.split(' ').flat_map(str::parse).collect::<Vec<_>>()).collect();
        children.into_iter().filter_map(peak_bytes).sum()
    }

    /// An empty file in the state folder's file system that is `bytes` long and takes their space.
    ///
    /// # Errors
    /// When the space is not there; what could be taken is.
    pub fn take_space(&self, bytes: u64) -> std::io::Result<()> {
        let ballast = File::create(self.ballast())?;
        Ok(rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
    }

    /// Gives the space back.
    pub fn free_space(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.settings.state.join("../ballast")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended already.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        if thread::panicking() {
            eprintln!("the device's log ends with:{}", self.log_tail());
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// `VmHWM` (proc(5)) of a process.
fn peak_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
