//! Result objects of made-up reports, read back.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod captures;
mod document;
mod made_up;
