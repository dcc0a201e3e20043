//! Result objects of made-up reports, read back.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod bundle;
mod cad_sr;
mod captures;
mod described;
mod document;
mod every_kind;
mod made_up;
mod measurements;
mod states;
mod tree;
mod words;
