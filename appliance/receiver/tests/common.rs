//! What the tests share: the device under test, a peer that speaks DICOM byte by byte, and data sets.
//!
//! The peer is written here and uses no DICOM library: it must be able to say what no library says.

// Each test program uses a part of it.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../secure-transport/tests/tls/authority.rs"]
pub mod authority;
pub mod datasets;
pub mod device;
pub mod peer;
pub mod tls;
pub mod wire;

pub use dataset::testing::DataSetWriter;
pub use datasets::{Mammogram, dataset};
pub use device::{Device, eventually};
pub use peer::{Peer, Reply};
pub use wire::AssociateRq;
