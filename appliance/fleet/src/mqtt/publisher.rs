//! What is sent when.

use std::time::Duration;

use secure_transport::Requestor;

use super::config::{MqttConfig, MqttFault};
use super::connection::{Ack, Connection, OFFLINE, ONLINE};
use super::source::{self, Source};
use crate::fault::Fault;
use crate::pause;
use crate::stop::Stop;

/// How often it is looked whether something waits.
const LOOK: Duration = Duration::from_secs(1);
/// Documents in one turn.
const BATCH: u32 = 64;

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// How long to wait before the next one.
    pub wait: Duration,
    /// Documents that the broker has acknowledged in it.
    pub sent: u32,
    /// Why it failed, in words for a technician.
    pub trouble: Option<String>,
}

/// Why a turn failed.
enum Trouble {
    /// The connection is over.
    Lost(Fault),
    /// The connection stays.
    Kept(String),
}

/// Sends a source's documents to a broker.
pub struct Publisher<S> {
    config: MqttConfig,
    tls: Option<Requestor>,
    source: S,
    stop: Stop,
    connection: Option<Connection>,
    faults: u32,
}

impl<S: Source> Publisher<S> {
    /// A publisher. Certificates and the password are read when it connects.
    ///
    /// # Errors
    /// [`MqttFault`], in words for a technician.
    pub fn new(config: MqttConfig, source: S, stop: Stop) -> Result<Self, MqttFault> {
        config.check()?;
        let tls = config.tls.clone().map(Requestor::new);
        Ok(Self { config, tls, source, stop, connection: None, faults: 0 })
    }

    /// Takes turns until it is stopped, and says goodbye then.
    pub fn run(mut self) {
        loop {
            let turn = self.turn();
            if self.stop.wait(turn.wait) {
                return self.end();
            }
        }
    }

    /// Connects where it must, and sends what waits. Blocks, within the deadlines of the configuration.
    pub fn turn(&mut self) -> Turn {
        let mut sent = 0;
        match self.send(&mut sent) {
            Ok(wait) => {
                if std::mem::take(&mut self.faults) > 0 {
                    tracing::info!("the broker takes results again");
                }
                Turn { wait, sent, trouble: None }
            }
            Err(trouble) => {
                // After some that went well this one is the first.
                self.faults = if sent > 0 { 1 } else { self.faults.saturating_add(1) };
                let mut wait = pause::jittered(pause::back_off(self.faults));
                let words = match trouble {
                    Trouble::Kept(words) => words,
                    Trouble::Lost(fault) => {
                        // Without a goodbye, so that the broker tells the others.
                        self.connection = None;
                        fault.to_string()
                    }
                };
                if let Some(connection) = &self.connection {
                    wait = wait.min(connection.idle_max());
                }
                if self.faults == 1 {
                    tracing::warn!("results for the broker: {words}");
                }
                Turn { wait, sent, trouble: Some(words) }
            }
        }
    }

    /// Ends the connection in order, and tells the others.
    pub fn end(mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.publish(&self.config.status_topic(), OFFLINE, true, "text/plain").is_ok()
        {
            connection.close();
        }
    }

    fn send(&mut self, sent: &mut u32) -> Result<Duration, Trouble> {
        let connection = match &mut self.connection {
            Some(connection) => {
                connection.ping().map_err(Trouble::Lost)?;
                connection
            }
            none => {
                let mut connection = Connection::open(&self.config, self.tls.as_ref()).map_err(Trouble::Lost)?;
                let topic = self.config.status_topic();
                match connection.publish(&topic, ONLINE, true, "text/plain").map_err(Trouble::Lost)? {
                    Ack::Taken => none.insert(connection),
                    Ack::Unfit => return Err(Trouble::Lost(Fault::new("the broker does not take the box's status"))),
                    Ack::Refused(fault) => return Err(Trouble::Lost(fault)),
                }
            }
        };
        for _ in 0..BATCH {
            if self.stop.is_stopped() {
                break;
            }
            let document = self.source.next(self.config.wants()).map_err(Trouble::Kept)?;
            let Some(document) = document else { return Ok(LOOK.min(connection.idle_max())) };
            let key = document.key;
            let unfit = source::unfit(&document.json, self.config.document_bytes_max, self.config.wants());
            let topic = self.config.result_topic(&document.study);
            let ack = match unfit {
                Some(why) => {
                    self.source.park(key, why).map_err(Trouble::Kept)?;
                    continue;
                }
                None => connection.publish(&topic, &document.json, false, "application/json"),
            };
            match ack.map_err(Trouble::Lost)? {
                Ack::Taken => {
                    self.source.sent(key).map_err(Trouble::Kept)?;
                    *sent += 1;
                }
                Ack::Unfit => {
                    let why = "the broker does not take the result, for its size or its content";
                    self.source.park(key, why).map_err(Trouble::Kept)?;
                }
                Ack::Refused(fault) => return Err(Trouble::Kept(fault.to_string())),
            }
        }
        Ok(Duration::ZERO)
    }
}
