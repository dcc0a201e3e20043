//! The harness of the system tests: the real `mamoru serve` as a process of its own, peers around it, and a judge.
//!
//! A test sends exams ([`send`]) to a [`Device`] that delivers to a folder and to a [`Pacs`], does something terrible in
//! between, and asks the [`Oracle`] whether every success answer was kept. Everything is on loopback, on ports that the
//! system gives, in temporary folders; only processes that were started here are ended, by their id.
//!
//! Never linked into a product. A harness panics: each panic is a failed test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod device;
mod fixtures;
mod machine;
mod oracle;
mod pacs;
mod program;
mod raw;
mod sender;
mod settings;
mod wait;

pub use device::Device;
pub use fixtures::{Instance, Mammogram, PATIENT_MARK, exam, excluded_exam, rejection_note};
pub use oracle::{Arrival, Object, Oracle, arrivals_of, objects_of, reports_in};
pub use pacs::Pacs;
pub use program::program;
pub use raw::RawPeer;
pub use sender::{Answer, send, send_each};
pub use settings::{PacsSettings, Settings};
pub use wait::{not_run, until};
