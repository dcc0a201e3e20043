//! Debian's mosquitto: a broker of its own on a free loopback port, and its subscriber.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// How long a line of a healthy peer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a program is; Debian has daemons in a folder that is not on everybody's path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|place| place.is_file())
}

/// Are broker and subscriber here? Says it where they are not, past the capture of what tests print; `tests/run` collects
/// these lines.
pub fn is_here() -> bool {
    let is_here = ["mosquitto", "mosquitto_sub", "mosquitto_passwd"].iter().all(|program| find(program).is_some());
    if !is_here {
        let _ = writeln!(std::io::stderr(), "\nnot run: mosquitto missing: results on an MQTT broker");
    }
    is_here
}

/// A broker that runs until it is dropped.
pub struct Broker {
    pub port: u16,
    child: Child,
    _folder: TempDir,
}

impl Broker {
    /// With these lines in its configuration, on this port or a free one.
    pub fn start(port: Option<u16>, lines: &str) -> Self {
        // Another process may take a free port first.
        (0..5).find_map(|_| Self::try_start(port, lines)).expect("mosquitto starts")
    }

    fn try_start(port: Option<u16>, lines: &str) -> Option<Self> {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = port.unwrap_or_else(free);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mosquitto.conf");
        // As another user it could not read our files; the line is only of use to root.
        let text = format!("listener {port} 127.0.0.1\nuser root\npersistence false\nlog_dest stderr\n{lines}\n");
        fs::write(&path, text).unwrap();
        let mut command = Command::new(find("mosquitto").unwrap());
        command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = lines_of(BufReader::new(child.stderr.take().unwrap()));
        while let Ok(line) = log.recv_timeout(PATIENCE) {
            if line.ends_with(" running") {
                return Some(Self { port, child, _folder: folder });
            }
        }
        child.wait().unwrap();
        None
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, read to the end also when nobody listens any more.
fn lines_of(reader: impl BufRead + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Another client, which hears everything: `QoS retained topic payload`.
pub struct Subscriber {
    child: Child,
    lines: Receiver<String>,
}

impl Subscriber {
    pub fn start(port: u16, more: &[&str]) -> Self {
        let mut command = Command::new(find("mosquitto_sub").unwrap());
        command.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", "#"]);
        command.args(["-F", "%q %r %t %p", "-W", "300"]).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = lines_of(BufReader::new(child.stdout.take().unwrap()));
        Self { child, lines }
    }

    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a message")
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
