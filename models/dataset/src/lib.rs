//! Bounded reading of DICOM data sets.
//!
//! What a peer sends is hostile until shown otherwise: a 200-byte message can claim a value of 4 GB, and 60,000 nested
//! sequences overflow the stack of a recursive parser. So every file is first walked by [`scan()`], which is iterative,
//! holds each length against the bytes that are there, takes constant memory and never reads pixel data. Only a file
//! that passed it is given to `dicom-object` ([`attributes`]), and then as a rule in a worker process.
//!
//! Data enter as readers over Part 10 files and leave as [`Scan`], [`contract::InstanceAttributes`] and
//! [`PixelHeader`]. Nothing here decides what an image is good for, and no error text holds a value of the data set.

pub mod attributes;
mod key_objects;
pub mod part10;
pub mod pixels;
pub mod scan;
pub mod testing;

pub use attributes::{Header, InspectError, PixelHeader, inspect, read_pixel_header};
pub use key_objects::KEY_OBJECT_SELECTION;
pub use part10::{FileMeta, Part10Error, read_file_meta};
pub use pixels::{FrameError, PixelPlace, read_frame};
pub use scan::{Scan, ScanError, ScanLimits, scan};
