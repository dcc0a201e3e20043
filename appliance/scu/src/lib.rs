//! DICOM as a client: C-ECHO and C-STORE SCU on one association.
//!
//! Objects enter as Part 10 files and are streamed from disk; statuses leave. Every wait has a deadline. An association
//! that failed in any way is never used again: the next try opens a new one. An object whose uncompressed transfer syntax
//! the peer did not take is converted to the little-endian one that it did take; pixels are never recompressed.
//!
//! Never here: what to send and when (the forwarder), and text of a peer in an error.

mod association;
mod error;
mod object;
mod peer;

pub use association::Association;
pub use error::ScuError;
pub use object::Object;
pub use peer::{Peer, PeerError, Timeouts};
