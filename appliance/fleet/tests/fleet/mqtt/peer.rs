//! A broker that does to each connection what it is told.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// CONNACK of a broker that takes everything.
pub const WELCOME: [u8; 5] = [0x20, 3, 0, 0, 0];

pub struct Connection {
    tcp: TcpStream,
    /// From 0 on.
    pub number: u32,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub id: [u8; 2],
    pub payload: String,
}

impl Connection {
    /// First byte and rest of a packet.
    pub fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.tcp.read_exact(&mut byte)?;
        let (first, mut length) = (byte[0], 0_usize);
        for shift in [0, 7, 14, 21] {
            self.tcp.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.tcp.read_exact(&mut body)?;
        Ok((first, body))
    }

    pub fn message(&mut self) -> io::Result<Message> {
        let (first, body) = self.packet()?;
        if first == 0xe0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert_eq!(first & 0xf6, 0x32, "a message of QoS 1");
        let length = usize::from(body[1]);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (topic, rest) = (text(&body[2..2 + length]), &body[2 + length..]);
        Ok(Message { topic, id: [rest[0], rest[1]], payload: text(&rest[3 + usize::from(rest[2])..]) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tcp.write_all(bytes)
    }

    pub fn acknowledge(&mut self, message: &Message) -> io::Result<()> {
        self.write(&[0x40, 2, message.id[0], message.id[1]])
    }

    /// Takes the client and its status.
    pub fn welcome(&mut self) -> io::Result<()> {
        assert_eq!(self.packet()?.0, 0x10);
        self.write(&WELCOME)?;
        let status = self.message()?;
        assert_eq!(status.payload, "online");
        self.acknowledge(&status)
    }

    /// Waits until the client goes.
    pub fn hang(&mut self) {
        let mut bytes = [0; 1024];
        while matches!(self.tcp.read(&mut bytes), Ok(1..)) {}
    }
}

/// A broker that runs until it is dropped.
pub struct Peer {
    pub port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub fn start(script: impl Fn(&mut Connection) -> io::Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::<AtomicBool>::default();
        let over = is_over.clone();
        let thread = std::thread::spawn(move || {
            for (number, tcp) in (0..).zip(listener.incoming()) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // That the client goes in the middle is part of many tests.
                let _ = script(&mut Connection { tcp: tcp.unwrap(), number });
            }
        });
        Self { port, is_over, thread: Some(thread) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}
