//! Results of many boxes, on a broker that the site has already: MQTT 5.0 (OASIS standard), as a client that publishes.
//!
//! ```text
//! {prefix}/{box}/status                   "online", or "offline", retained; the broker says it when the box cannot (will)
//! {prefix}/{box}/results/{study digest}   the study's result as JSON; the digest is SHA-256 of its Study Instance UID
//! ```
//!
//! A document counts as sent only when the broker has acknowledged it with success (QoS 1, PUBACK with a reason code; that
//! is why version 5: a broker of 3.1.1 acknowledges also what its access list throws away). Until then the [`Source`] keeps
//! it, and it is sent again after each connection: documents may arrive twice and are never lost. One at a time is on its way,
//! in the source's order, so the results of a study stay in order, and memory holds one document.
//!
//! Documents have no patient data unless the site asks for it ([`MqttConfig::patient_data`]); what has some nevertheless is
//! not sent.
//!
//! Own code rather than the crate `rumqttc` 0.25.1, whose TLS brings `rustls-webpki` 0.102 with four open advisories and
//! `rustls-pemfile`, which nobody keeps any more; and which tells of a PUBACK by a packet number alone. What a publisher
//! needs of the protocol is eight packets.

mod config;
mod connection;
mod packet;
mod publisher;
mod reason;
mod source;

pub use config::{MqttConfig, MqttFault};
pub use publisher::{Publisher, Turn};
pub use source::{Document, PatientData, Source, study_digest};
