//! One connection to the broker, on which one message at a time is on its way. Everything has a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use secure_transport::Requestor;

use super::config::MqttConfig;
use super::packet::{self, Connect, Incoming, Limits};
use super::reason;
use crate::Secret;
use crate::fault::Fault;

/// What the others are told.
pub(super) const ONLINE: &[u8] = b"online";
pub(super) const OFFLINE: &[u8] = b"offline";

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// The broker has it.
    Taken,
    /// It takes no such message, now or later.
    Unfit,
    /// It does not take it now.
    Refused(Fault),
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// The same, for its deadlines.
    tcp: TcpStream,
    silence: Duration,
    limits: Limits,
    keep_alive: Duration,
    last_id: u16,
    last_sent: Instant,
}

impl Connection {
    /// Connects and introduces the box, whose last will is to be offline.
    pub(super) fn open(config: &MqttConfig, tls: Option<&Requestor>) -> Result<Self, Fault> {
        let password = config.password_file.as_deref().map(Secret::read).transpose();
        let password = password.map_err(|fault| Fault::new(fault.to_string()))?;
        let deadline = Instant::now() + config.silence();
        let tcp = dial(&config.address, deadline).map_err(|error| Fault::of_io(&error))?;
        let also = tcp.try_clone().map_err(|error| Fault::of_io(&error))?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(also),
            Some(requestor) => Box::new(handshake(requestor, &config.address, also, deadline)?),
        };
        let keep_alive = Duration::from_secs(config.keep_alive_s.into());
        let limits = Limits::default();
        let silence = config.silence();
        let mut connection = Self { stream, tcp, silence, limits, keep_alive, last_id: 0, last_sent: Instant::now() };
        let topic = config.status_topic();
        let connect = Connect {
            client: &config.box_name,
            keep_alive_s: config.keep_alive_s,
            user: config.user.as_deref(),
            password: password.as_ref().map(Secret::expose),
            will: (&topic, OFFLINE),
        };
        connection.write(connect.encode().as_deref())?;
        match connection.read()? {
            Incoming::ConnAck { reason: 0, limits } if !limits.has_qos_1 => Err(Fault::new(reason::words(0x9b))),
            Incoming::ConnAck { reason: 0, limits } if !limits.has_retain => Err(Fault::new(reason::words(0x9a))),
            Incoming::ConnAck { reason: 0, limits } => {
                connection.limits = limits;
                let asked = limits.keep_alive_s.filter(|seconds| *seconds > 0);
                connection.keep_alive = asked.map_or(keep_alive, |seconds| Duration::from_secs(seconds.into()));
                Ok(connection)
            }
            // Some brokers say of a wrong password that the user may not connect.
            Incoming::ConnAck { reason: 0x87, .. } => Err(Fault::new(reason::words(0x86))),
            Incoming::ConnAck { reason, .. } | Incoming::Disconnect { reason } => {
                Err(Fault::new(reason::words(reason)))
            }
            _ => Err(nonsense()),
        }
    }

    /// How long the connection may be silent on our side.
    pub(super) const fn idle_max(&self) -> Duration {
        Duration::from_millis(self.keep_alive.as_millis() as u64 / 2)
    }

    /// Sends a message and waits for its acknowledgement.
    pub(super) fn publish(&mut self, topic: &str, payload: &[u8], is_retained: bool, kind: &str) -> Result<Ack, Fault> {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let packet = packet::publish(topic, self.last_id, payload, is_retained, kind);
        let Some(packet) = packet.filter(|packet| packet.len() as u64 <= self.limits.packet_bytes_max.into()) else {
            return Ok(Ack::Unfit);
        };
        self.write(Some(&packet))?;
        loop {
            match self.read()? {
                Incoming::PubAck { id, reason } if id == self.last_id => {
                    return Ok(match reason {
                        0..reason::FAILURE => Ack::Taken,
                        reason::PACKET_TOO_LARGE | reason::PAYLOAD_FORMAT => Ack::Unfit,
                        reason => Ack::Refused(Fault::new(reason::words(reason))),
                    });
                }
                Incoming::PingResp => {}
                Incoming::Disconnect { reason } => return Err(Fault::new(reason::words(reason))),
                _ => return Err(nonsense()),
            }
        }
    }

    /// Shows and asks for a sign of life, when it is time.
    pub(super) fn ping(&mut self) -> Result<(), Fault> {
        if self.last_sent.elapsed() < self.idle_max() {
            return Ok(());
        }
        self.write(Some(&packet::PING))?;
        match self.read()? {
            Incoming::PingResp => Ok(()),
            Incoming::Disconnect { reason } => Err(Fault::new(reason::words(reason))),
            _ => Err(nonsense()),
        }
    }

    /// Ends the connection in order: the broker does not carry out the last will.
    pub(super) fn close(mut self) {
        let _ = self.write(Some(&packet::DISCONNECT));
        let _ = self.tcp.shutdown(std::net::Shutdown::Write);
    }

    fn write(&mut self, packet: Option<&[u8]>) -> Result<(), Fault> {
        let packet = packet.ok_or_else(|| Fault::new("a message is too long for MQTT"))?;
        let sent = self.tcp.set_write_timeout(Some(self.silence));
        let sent = sent.and_then(|()| self.stream.write_all(packet)).and_then(|()| self.stream.flush());
        self.last_sent = Instant::now();
        sent.map_err(|error| of_io(&error))
    }

    fn read(&mut self) -> Result<Incoming, Fault> {
        let deadline = Instant::now() + self.silence;
        let (first, body) = self.read_packet(deadline).map_err(|error| of_io(&error))?;
        packet::decode(first, &body).ok_or_else(nonsense)
    }

    fn read_packet(&mut self, deadline: Instant) -> io::Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.fill(&mut byte, deadline)?;
        let first = byte[0];
        let mut length = 0_u32;
        for shift in [0, 7, 14, 21] {
            self.fill(&mut byte, deadline)?;
            length |= u32::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                break;
            }
            if shift == 21 {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        if length > packet::INCOMING_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length as usize];
        self.fill(&mut body, deadline)?;
        Ok((first, body))
    }

    fn fill(&mut self, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
        while !buffer.is_empty() {
            self.tcp.set_read_timeout(Some(left(deadline)?))?;
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => buffer = &mut buffer[read..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Connects to the first address of the name that answers.
fn dial(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for place in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, left(deadline)?) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// TLS, whole before anything is sent. Step by step, for a peer that sends a byte now and then has no end otherwise.
fn handshake(
    requestor: &Requestor,
    address: &str,
    mut tcp: TcpStream,
    deadline: Instant,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Fault> {
    let config = requestor.config().map_err(|fault| Fault::new(fault.to_string()))?;
    let name = ServerName::try_from(requestor.files().name_of(address));
    let name = name.map_err(|_| Fault::new("`server_name` must be a DNS name or an IP address"))?;
    let mut tls = ClientConnection::new(config, name).map_err(|error| of_io(&io::Error::other(error)))?;
    let mut step = |tls: &mut ClientConnection| -> io::Result<()> {
        tcp.set_write_timeout(Some(left(deadline)?))?;
        while tls.wants_write() {
            tls.write_tls(&mut tcp)?;
        }
        if !tls.is_handshaking() {
            return Ok(());
        }
        tcp.set_read_timeout(Some(left(deadline)?))?;
        if tls.read_tls(&mut tcp)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        tls.process_new_packets().map(drop).map_err(io::Error::other)
    };
    while tls.is_handshaking() || tls.wants_write() {
        step(&mut tls).map_err(|error| of_io(&error))?;
    }
    Ok(StreamOwned::new(tls, tcp))
}

fn of_io(error: &io::Error) -> Fault {
    match error.kind() {
        ErrorKind::InvalidData if error.get_ref().is_none() => nonsense(),
        ErrorKind::UnexpectedEof => Fault::new(
            "the broker ended the connection: is this its port for MQTT, and with or without TLS as configured here?",
        ),
        _ => Fault::of_io(error),
    }
}

fn nonsense() -> Fault {
    Fault::new("the broker's answer is not understood: is this its port for MQTT 5.0?")
}
