//! DICOM as a client: C-ECHO, C-STORE and storage commitment on one association.
//!
//! Objects enter as Part 10 files and are streamed from disk; statuses leave. Every wait has a deadline. An association
//! that failed in any way is never used again: the next try opens a new one. An object whose uncompressed transfer syntax
//! the peer did not take is converted to the little-endian one that it did take; pixels are never recompressed.
//!
//! Storage commitment has two sides here: [`Association::request_commitment`] asks a peer to take responsibility for objects
//! and [`Association::wait_for_report`] waits for what it says; [`report_commitment`] tells a peer what it asked us.
//!
//! A peer with [`Peer::tls`] is called over TLS and over nothing else.
//!
//! Never here: what to send and when (the forwarder), and text of a peer in an error.

mod association;
mod commitment;
mod error;
mod message;
mod object;
mod peer;
mod wire;

pub use association::Association;
pub use commitment::report_commitment;
pub use error::ScuError;
pub use object::Object;
pub use peer::{Peer, PeerError, Timeouts, is_host_and_port};
