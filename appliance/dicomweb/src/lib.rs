//! Results over HTTPS, as a client: DICOM objects by STOW-RS (PS3.18 section 10.5), documents by POST.
//!
//! One object per request, on a connection of its own. What is sent is streamed from its file; what comes back is read
//! within limits and leaves as an [`Answer`], whose words hold numbers and kinds of errors and nothing that a peer sent.
//!
//! Patient data goes to the configured place alone: over TLS with the certificate checked (in the clear only to this
//! machine itself), to where the URL says (no redirect is followed, no proxy of the environment obeyed), and only after
//! the server had its chance to decline the request's header (`Expect: 100-continue`).
//!
//! Everything here blocks, within the deadlines of [`WebTimeouts`]: call it off the network's threads.
//!
//! Never here: what to send and when (the forwarder), and queries or retrieval.

mod answer;
mod authorization;
mod client;
mod config;
mod failure;
mod payload;
mod stored;
mod transport;
mod trust;

pub use answer::{Answer, RETRY_AFTER_MAX};
pub use client::{DocumentType, HEADER_BYTES_MAX, REPLY_BYTES_MAX, WebClient};
pub use config::{WebConfig, WebError, WebTimeouts};
