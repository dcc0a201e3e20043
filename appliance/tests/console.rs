//! The page of a device: that it is there, and that a device takes images without it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn config(folder: &Path, console: &str) -> std::path::PathBuf {
    let file = folder.join("mamoru.toml");
    let state = folder.join("state");
    let text = format!(
        "state_dir = {state:?}\nmodel = \"untrained\"\n[receiver]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = {console:?}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

/// Starts a service; and its ready line.
fn serve(config: &Path) -> (Service, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
    command.env("MAMORU_ENGINE", "cpu").args(["serve", "--json", "--config"]).arg(config);
    let mut service = Service(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (service, serde_json::from_str(&line).unwrap_or_else(|_| panic!("the service was not ready: {line:?}")))
}

fn mamoru(arguments: &[&str], config: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru")).args(arguments).arg("--config").arg(config).output().unwrap()
}

#[test]
fn a_port_that_is_taken_costs_the_page_and_not_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(folder.path(), &taken.local_addr().unwrap().to_string());
    let (_service, ready) = serve(&config);
    assert_eq!(ready["console"], Value::Null);
    let to = format!("MAMORU@{}", ready["listen"].as_str().unwrap());
    let echo = Command::new(env!("CARGO_BIN_EXE_mamoru")).args(["echo", "--to", &to]).output().unwrap();
    assert!(echo.status.success(), "{echo:?}");
}

#[test]
fn the_page_is_there_and_its_users_come_and_go_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "127.0.0.1:0");
    let (_service, ready) = serve(&config);
    let address = ready["console"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
    // Who speaks no TLS learns nothing.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).unwrap_or_default();
    assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{answer:?}");
    let made = mamoru(&["console", "user", "ann", "--role", "viewer", "--json"], &config);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let password = made["password"].as_str().unwrap();
    assert_eq!((made["role"].as_str(), password.len()), (Some("viewer"), 23));
    let file = fs::read_to_string(folder.path().join("state/console/users.json")).unwrap();
    assert!(file.contains("ann") && file.contains("argon2id") && !file.contains(password));
    let users = String::from_utf8(mamoru(&["console", "users"], &config).stdout).unwrap();
    assert!(users.starts_with("ann ") && users.contains("viewer"), "{users}");
    let bad = mamoru(&["console", "user", "Ann Doe"], &config);
    assert!(bad.status.code() == Some(1) && !bad.stderr.is_empty(), "{bad:?}");
    assert!(mamoru(&["console", "remove", "ann"], &config).status.success());
    let users = String::from_utf8(mamoru(&["console", "users"], &config).stdout).unwrap();
    assert!(users.contains("nobody may sign in yet"), "{users}");
}
