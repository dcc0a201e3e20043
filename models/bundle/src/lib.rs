//! Signed model bundles: a model as one file that a device can trust before it keeps a byte of it.
//!
//! The format, version 1, is described in `models/README.md`. A bundle is an uncompressed tar of regular files in a fixed
//! order, so that it is read in one pass from a file, a stick or a connection:
//!
//! ```text
//! bundle.json               BundleManifest as canonical JSON; these very bytes are signed
//! signatures.json           Signatures over them
//! root/N.json               zero or more key sets that follow each other, each with
//! root/N.signatures.json    its signatures by the key set before it and by itself
//! model/...                 the files that the manifest lists, in its order
//! ```
//!
//! [`open`] reads all but the last and checks it in numbered steps; [`Opened::unpack`] then hands out the model's files, and
//! each is complete only when its digest held. [`pack`] makes a bundle from the folder that `mamoru-train pack` wrote.
//!
//! Never here: where a device keeps bundles and which one it runs (the `updater` crate), and whether the network computes
//! what it should (golden vectors, run by an engine).

pub mod archive;
pub mod canonical;
mod hex;
pub mod key_file;
pub mod keys;
pub mod manifest;
pub mod pack;
pub mod payload;
pub mod refusal;
pub mod root;
pub mod signatures;
pub mod verify;
pub mod version;

pub use keys::{KeyId, PrivateKey, PublicKey};
pub use manifest::{BundleManifest, FileEntry, Role};
pub use pack::{PackError, Packing, pack};
pub use payload::{Discard, Unpack};
pub use refusal::{Refusal, RootFault};
pub use root::{KeyRole, Root, SignedRoot};
pub use signatures::Signatures;
pub use verify::{Device, Inspected, Opened, inspect, open};
pub use version::SoftwareVersion;
