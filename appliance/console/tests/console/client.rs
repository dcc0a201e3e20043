//! A console on the made-up device, and a client over TLS on loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use console::{Console, Role, Settings, set_user};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fake::Fake;

pub type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

pub struct Running {
    pub device: Arc<Fake>,
    pub address: SocketAddr,
    pub folder: tempfile::TempDir,
    config: Arc<rustls::ClientConfig>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    runtime: Runtime,
}

/// With a technician `ann` and a viewer `bob`.
pub fn start() -> Running {
    start_with(|_| ())
}

pub fn start_with(change: impl FnOnce(&mut Settings)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    set_user(folder.path(), "ann", Role::Technician, "a long password").unwrap();
    set_user(folder.path(), "bob", Role::Viewer, "a long password").unwrap();
    let mut settings = Settings::new(folder.path().to_owned());
    assert!(settings.listen.ip().is_loopback());
    settings.listen.set_port(0);
    change(&mut settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let device = Arc::new(Fake::new());
    let console = runtime.block_on(Console::bind(settings, Arc::<Fake>::clone(&device))).unwrap();
    let address = console.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    let task = Some(runtime.spawn(console.run(stopped)));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path().join("console.pem")).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Running { device, address, folder, config: Arc::new(config), stop, task, runtime }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {}", self.head, self.text()))
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Running {
    pub fn connect(&self) -> Tls {
        let name = ServerName::try_from("localhost").unwrap();
        let client = rustls::ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        rustls::StreamOwned::new(client, stream)
    }

    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        let mut bytes = Vec::new();
        // The console closes without a close_notify when it did not read all.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end..].to_vec() }
    }

    pub fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"))
    }

    pub fn post(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        self.ask([head.as_bytes(), body].concat())
    }

    pub fn form(&self, path: &str, headers: &str, body: &str) -> Answer {
        self.post(path, &format!("{headers}Content-Type: application/x-www-form-urlencoded\r\n"), body.as_bytes())
    }

    /// Signs in; gives the header of the session and the token of its forms.
    pub fn sign_in(&self, name: &str) -> (String, String) {
        let form = self.get("/sign-in", "").text();
        let token = between(&form, "name=\"form\" value=\"", "\"");
        let cookie = format!("Cookie: __Host-mamoru-form={token}\r\n");
        let done = self.form("/sign-in", &cookie, &format!("form={token}&name={name}&password=a+long+password"));
        assert_eq!(done.status, 303, "{}", done.text());
        let session = format!("Cookie: {}\r\n", done.header("set-cookie").unwrap().split(';').next().unwrap());
        let page = self.get("/", &session).text();
        let csrf = between(&page, "name=\"form\" value=\"", "\"").to_owned();
        (session, csrf)
    }

    /// Follows where a form leads to, and gives that page.
    pub fn act(&self, path: &str, (session, csrf): &(String, String), more: &str) -> String {
        let done = self.form(path, session, &format!("form={csrf}{more}"));
        assert_eq!(done.status, 303, "{path}: {}", done.text());
        self.get(done.header("location").unwrap(), session).text()
    }

    pub fn audit(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default()
    }

    /// Asks until something holds; each time over a new connection, which takes a while.
    pub fn until(&self, holds: impl Fn() -> bool) {
        assert!((0..2000).any(|_| holds()), "it does not come to hold");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn stop(&mut self) {
        self.stop.send(true).unwrap();
        if let Some(task) = self.task.take() {
            self.runtime.block_on(task).unwrap();
        }
    }
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}
