//! Models on the device: installed into slots, tried, confirmed or taken back, so that there is always one to run.
//!
//! ```text
//! state.json                  which slot is what (State): one small file with a checksum, replaced as a whole
//! floor-a.json, floor-b.json  the lowest sequence and key set that are taken (Floor), twice
//! roots/N.json ...            key sets that the device followed, with their signatures
//! slots/N/bundle.json ...     a bundle's manifest and signatures, as they came
//! slots/N/model/              its files: a model's folder
//! lock                        held by the process that works on all this
//! ```
//!
//! `state.json` alone says what counts. A transition is a pure method of [`State`] and one write of that file; what it needs is
//! durable before the write, and what it frees is removed after it. So a power cut leaves the state before or the state
//! after, and a folder that no state names is rubbish, which the next operation removes.
//!
//! The built-in model of the software is there without any of this, and is what runs where nothing is installed.
//!
//! Never here: what a bundle is (`bundle`), and running a model: the self-test is the caller's.

pub mod disk;
mod error;
mod floor;
mod folder;
mod lock;
mod record;
mod roots;
mod slots;
pub mod state;
mod unpacking;
mod updater;

pub use disk::Disk;
pub use error::UpdateError;
pub use floor::Floor;
pub use folder::FolderDisk;
pub use state::{Candidate, Denied, Model, Outcome, Refused, Slot, State, Trial};
pub use updater::{Event, Facts, Started, Updater};
