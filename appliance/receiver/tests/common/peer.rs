//! A peer: a socket, and what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use dimse::{EventReportRequest, Message, Request, Status};

use super::wire::{self, AssociateRq, STORE};

/// No answer of the device takes longer, however busy the machine is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What the device answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A-ASSOCIATE-AC: context ids with their results.
    Accepted(Vec<(u8, u8)>),
    /// A-ASSOCIATE-RJ: result, source, reason.
    Rejected([u8; 3]),
    /// A response.
    Status(Status),
    /// An N-EVENT-REPORT-RQ; its data set comes next.
    Event(EventReportRequest),
    /// Bytes of a data set, and whether they are the last ones.
    Data(Vec<u8>, bool),
    /// A-RELEASE-RP.
    Released,
    /// A-ABORT: source and reason.
    Aborted([u8; 2]),
    /// End of the stream, or a reset.
    Closed,
}

/// Over TCP, or over what a test makes of it.
pub struct Peer<S = TcpStream> {
    pub stream: S,
    /// Role selection of the A-ASSOCIATE-AC: as SCU, as SCP.
    pub roles: Vec<(bool, bool)>,
}

impl Peer {
    /// Connected, and nothing said.
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connected from another address of this machine.
    pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        let stream = {
            let _entered = runtime.enter();
            runtime.block_on(socket.connect(address)).unwrap().into_std().unwrap()
        };
        stream.set_nonblocking(false).unwrap();
        Self::over(stream)
    }

    fn over(stream: TcpStream) -> Self {
        set_up(&stream);
        Self::on(stream)
    }

    /// Connected and associated.
    pub fn associate(address: SocketAddr) -> Self {
        let mut peer = Self::connect(address);
        let reply = peer.ask(&AssociateRq::default());
        assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
        peer
    }

    /// Says `bytes` one at a time, with a pause between them that ends early when the device does.
    pub fn trickle<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Reply> {
        let pause = Duration::from_millis(5);
        for piece in pieces {
            self.say(piece);
            self.stream.set_read_timeout(Some(pause)).unwrap();
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
            match peeked {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => return Some(self.reply()),
            }
        }
        None
    }

    /// Says `bytes` again and again, as fast as they are taken, until the device answers.
    pub fn flood(&mut self, bytes: &[u8]) -> Reply {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            self.say(bytes);
            self.stream.set_nonblocking(true).unwrap();
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false).unwrap();
            if !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock) {
                return self.reply();
            }
            assert!(Instant::now() < deadline, "the device never answers");
        }
    }
}

/// No delays, and no waiting for ever.
pub fn set_up(stream: &TcpStream) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(ANSWER_TIMEOUT)).unwrap();
}

impl<S: Read + Write> Peer<S> {
    /// On a stream that is connected, and nothing said.
    pub const fn on(stream: S) -> Self {
        Self { stream, roles: vec![] }
    }

    pub fn ask(&mut self, request: &AssociateRq) -> Reply {
        self.say(&request.bytes());
        self.reply()
    }

    /// Writes bytes; that the device has closed shows in its reply, not here.
    pub fn say(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(is_gone(error.kind()), "the device does not read: {error}");
        }
    }

    pub fn reply(&mut self) -> Reply {
        let mut header = [0; 6];
        if !self.read(&mut header) {
            return Reply::Closed;
        }
        let [kind, _, length @ ..] = header;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        assert!(self.read(&mut body), "closed inside a PDU");
        match kind {
            2 => {
                self.roles = roles(&body);
                Reply::Accepted(context_results(&body))
            }
            3 => Reply::Rejected(body[1..4].try_into().unwrap()),
            4 if body[5] & 1 == 0 => Reply::Data(body[6..].to_vec(), body[5] & 2 != 0),
            4 => match Message::parse(&body[6..]).unwrap() {
                Message::Response(response) => Reply::Status(response.status),
                Message::Request(Request::EventReport(request)) => Reply::Event(request),
                Message::Request(request) => panic!("{request:?}"),
            },
            6 => Reply::Released,
            7 => Reply::Aborted(body[2..4].try_into().unwrap()),
            kind => panic!("PDU of type {kind}"),
        }
    }

    /// Fills `bytes`; false when the device has closed.
    fn read(&mut self, bytes: &mut [u8]) -> bool {
        match self.stream.read_exact(bytes) {
            Ok(()) => true,
            Err(error) if is_gone(error.kind()) => false,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    pub fn echo(&mut self) -> Reply {
        self.say(&wire::command(wire::ECHO, &dimse::echo_request(1)));
        self.reply()
    }

    pub fn store(&mut self, instance: &str, dataset: &[u8]) -> Reply {
        self.store_on(STORE, instance, dataset)
    }

    pub fn store_on(&mut self, context: u8, instance: &str, dataset: &[u8]) -> Reply {
        self.begin(context, instance);
        let mut chunks = dataset.chunks(16_000).peekable();
        if chunks.peek().is_none() {
            self.say(&wire::data(context, true, &[]));
        }
        while let Some(chunk) = chunks.next() {
            self.say(&wire::data(context, chunks.peek().is_none(), chunk));
        }
        self.reply()
    }

    /// A C-STORE-RQ, its data set still to come.
    pub fn begin(&mut self, context: u8, instance: &str) {
        self.say(&wire::command(context, &wire::store_request(instance)));
    }

    pub fn release(&mut self) -> Reply {
        self.say(&wire::pdu(5, &[0; 4]));
        self.reply()
    }
}

pub fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// Ids and results of the presentation contexts of an A-ASSOCIATE-AC.
fn context_results(body: &[u8]) -> Vec<(u8, u8)> {
    let mut items = &body[68..];
    let mut results = Vec::new();
    while let [kind, _, high, low, rest @ ..] = items {
        let (item, others) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if *kind == 0x21 {
            results.push((item[0], item[2]));
        }
        items = others;
    }
    results
}

/// Roles of the SCP/SCU role selection items in the user information of an A-ASSOCIATE-AC.
fn roles(body: &[u8]) -> Vec<(bool, bool)> {
    let mut roles = Vec::new();
    let mut open = vec![&body[68..]];
    while let Some(mut items) = open.pop() {
        while let [kind, _, high, low, rest @ ..] = items {
            let (item, others) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            match (kind, item) {
                (0x50, _) => open.push(item),
                (0x54, [.., scu, scp]) => roles.push((*scu == 1, *scp == 1)),
                _ => {}
            }
            items = others;
        }
    }
    roles
}
