//! An HTTP/1.1 server on a free loopback port, with or without TLS: one thread and one request per connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice");
        value
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer with these headers and this body, in whole.
    Whole(u16, Vec<(String, String)>, Vec<u8>),
    /// The same, of which only so many bytes of the body are sent before the connection ends.
    Cut(Vec<(String, String)>, Vec<u8>, usize, u16),
    /// The same, but the connection stays, silent, until the client goes.
    Stall(Vec<(String, String)>, Vec<u8>, usize, u16),
    /// These bytes, and the end.
    Raw(Vec<u8>),
    /// The connection ends.
    Nothing,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Whole(status, vec![], b"secret-of-the-server".to_vec())
    }

    pub fn json(value: &serde_json::Value) -> Self {
        Self::Whole(200, vec![("Content-Type".into(), "application/hal+json".into())], value.to_string().into_bytes())
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A server that runs until it is dropped.
pub struct Server {
    pub url: String,
    address: String,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(tls: Option<ServerConfig>, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let is_over = Arc::<AtomicBool>::default();
        let (over, tls, answer) = (is_over.clone(), tls.map(Arc::new), Arc::new(answer));
        let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
        let thread = std::thread::spawn(move || {
            let mut threads = Vec::new();
            for tcp in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (tcp, tls, answer) = (tcp.unwrap(), tls.clone(), answer.clone());
                threads.push(std::thread::spawn(move || {
                    // That the client goes in the middle is part of many tests.
                    let _ = serve(&tcp, tls, &*answer);
                    let _ = tcp.shutdown(Shutdown::Both);
                }));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Self { url, address, is_over, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        // Assertions of the answers count, but not twice.
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn serve(tcp: &TcpStream, tls: Option<Arc<ServerConfig>>, answer: &dyn Fn(&Request) -> Reply) -> io::Result<()> {
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(tcp.try_clone()?),
        Some(config) => Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), tcp.try_clone()?)),
    };
    let request = read(&mut *stream)?;
    let (status, headers, body, sent, stays) = match answer(&request) {
        Reply::Whole(status, headers, body) => (status, headers, body.clone(), body.len(), false),
        Reply::Cut(headers, body, sent, status) => (status, headers, body, sent, false),
        Reply::Stall(headers, body, sent, status) => (status, headers, body, sent, true),
        Reply::Raw(bytes) => {
            stream.write_all(&bytes)?;
            return stream.flush();
        }
        Reply::Nothing => return Ok(()),
    };
    let mut head = format!("HTTP/1.1 {status} secret-reason\r\n");
    if !headers.iter().any(|(name, _)| name == "Transfer-Encoding" || name == "Content-Length") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&body[..sent])?;
    stream.flush()?;
    if stays {
        // Until the client has had enough.
        while matches!(stream.read(&mut [0]), Ok(1)) {}
    }
    Ok(())
}

fn read(stream: &mut dyn Stream) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut line = lines.next().unwrap().split(' ');
    let (method, path) = (line.next().unwrap().to_owned(), line.next().unwrap().to_owned());
    let header = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    let mut request = Request { method, path, headers: lines.map(header).collect(), body: vec![] };
    assert_eq!(request.header("transfer-encoding"), None, "bodies have a length");
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(request)
}
