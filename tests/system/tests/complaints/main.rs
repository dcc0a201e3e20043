//! What users of such systems complain about, as scenarios with the real daemon. `docs/complaints.md` has all of them with their
//! numbers, and where those are that are answered elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod arrival;
mod content;
mod delay;

use std::time::Duration;

/// Everything that waits is done, on a shared machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
