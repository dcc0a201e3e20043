//! An HTTP/1.1 server on a free loopback port, with or without TLS, that does to each connection what it is told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a server that dawdles waits between two bytes.
const PACE: Duration = Duration::from_millis(10);

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header that is there once or not at all.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    fn has(&self, name: &str) -> bool {
        self.header(name).is_some()
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection of a client.
pub struct Connection {
    stream: Box<dyn Stream>,
    tcp: TcpStream,
    /// Bytes that were written.
    pub written: u64,
}

impl Connection {
    /// Reads a whole request, and says "go on" where that is expected.
    pub fn request(&mut self) -> io::Result<Request> {
        let mut request = self.head()?;
        if request.has("expect") {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        self.body(&mut request)?;
        Ok(request)
    }

    /// Reads a request's header.
    pub fn head(&mut self) -> io::Result<Request> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let header = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
        Ok(Request { line, headers: lines.map(header).collect(), body: Vec::new() })
    }

    /// Reads the body, which has to have a length.
    pub fn body(&mut self, request: &mut Request) -> io::Result<()> {
        assert!(!request.has("transfer-encoding"), "bodies have a length");
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        self.stream.read_exact(&mut request.body)
    }

    /// Reads so many bytes.
    pub fn read(&mut self, count: usize) -> io::Result<()> {
        self.stream.read_exact(&mut vec![0; count])
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Writes an answer with a body.
    pub fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} secret-reason\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        // In one piece, as it mostly arrives.
        self.write(&[format!("{head}\r\n").as_bytes(), body].concat())
    }

    /// Waits a little; false when the client has gone.
    pub fn wait(&mut self) -> bool {
        self.tcp.set_read_timeout(Some(PACE)).unwrap();
        let mut byte = [0];
        let read = (&self.tcp).read(&mut byte);
        self.tcp.set_read_timeout(None).unwrap();
        match read {
            Ok(count) => count > 0,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// Waits until the client goes.
    pub fn hang(&mut self) {
        while self.wait() {}
    }

    /// Waits until the client goes, and takes what it still sends.
    pub fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.stream.read(&mut buffer), Ok(1..)) {}
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Does `script` to every connection, one after the other.
    pub fn http(script: impl Fn(&mut Connection) -> io::Result<()> + Send + 'static) -> Self {
        Self::start(None, script)
    }

    /// The same under TLS.
    pub fn https(config: ServerConfig, script: impl Fn(&mut Connection) -> io::Result<()> + Send + 'static) -> Self {
        Self::start(Some(Arc::new(config)), script)
    }

    /// Reads every request whole and gives it this answer.
    pub fn answering(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (body, requests) = (body.to_owned(), Arc::<Mutex<Vec<Request>>>::default());
        let seen = requests.clone();
        let mut server = Self::http(move |connection| {
            let request = connection.request()?;
            seen.lock().unwrap().push(request);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            connection.answer(status, &headers, &body)
        });
        server.requests = requests;
        server
    }

    fn start(
        config: Option<Arc<ServerConfig>>,
        script: impl Fn(&mut Connection) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let scheme = if config.is_some() { "https" } else { "http" };
        let thread = std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let tcp = tcp.unwrap();
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let stream: Box<dyn Stream> = match &config {
                    None => Box::new(tcp.try_clone().unwrap()),
                    Some(config) => {
                        let tls = ServerConnection::new(config.clone()).unwrap();
                        Box::new(StreamOwned::new(tls, tcp.try_clone().unwrap()))
                    }
                };
                let mut connection = Connection { stream, tcp, written: 0 };
                // That the client goes in the middle is part of many tests.
                let _ = script(&mut connection);
                let _ = connection.tcp.shutdown(Shutdown::Write);
            }
        });
        let url = format!("{scheme}://{address}/dicom-web");
        Self { address, url, requests: Arc::default(), is_over, thread: Some(thread) }
    }

    /// What [`Self::answering`] was sent.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        // Assertions of the script count, but not twice.
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}
