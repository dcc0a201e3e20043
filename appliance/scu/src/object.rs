//! A Part 10 file to send.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use contract::{Uid, transfer_syntax as syntax};
use dataset::{ScanLimits, read_file_meta, scan};

use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex as _, TransferSyntaxRegistry};

use crate::ScuError;

/// The largest uncompressed object that is converted to another transfer syntax, in bytes: it is done in memory.
const CONVERT_BYTES_MAX: u64 = 512 << 20;

/// A Part 10 file whose header was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The file.
    pub path: PathBuf,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
    /// Where the data set begins, in bytes.
    pub dataset_offset: u64,
    /// Length of the data set in bytes.
    pub dataset_bytes: u64,
}

impl Object {
    /// Reads what must be known before sending. Blocks.
    ///
    /// # Errors
    /// [`ScuError::File`] when the file is no DICOM object of one instance.
    pub fn open(path: &Path) -> Result<Self, ScuError> {
        let failed = |why: String| ScuError::File(format!("{}: {why}", path.display()));
        let mut file = File::open(path).map_err(|error| failed(error.kind().to_string()))?;
        let meta = read_file_meta(&mut file).map_err(|error| failed(error.to_string()))?;
        let length = file.metadata().map_err(|error| failed(error.kind().to_string()))?.len();
        // The data set says what it is; its file meta information may be stale.
        let found = scan(&mut file, &meta.transfer_syntax, &ScanLimits::default())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            sop_class: found.sop_class,
            sop_instance: found.sop_instance,
            transfer_syntax: meta.transfer_syntax,
            dataset_offset: meta.dataset_offset,
            dataset_bytes: length.saturating_sub(meta.dataset_offset),
        })
    }

    /// The transfer syntaxes in which this object can be sent, its own first.
    pub(crate) fn syntaxes(&self) -> Vec<&str> {
        let own = self.transfer_syntax.as_str();
        let others = [syntax::EXPLICIT_LE, syntax::IMPLICIT_LE];
        match own {
            syntax::EXPLICIT_LE | syntax::IMPLICIT_LE | syntax::EXPLICIT_BE | syntax::DEFLATED_LE => {
                [own].into_iter().chain(others.into_iter().filter(|other| *other != own)).collect()
            }
            _ => vec![own],
        }
    }

    /// The data set in another little-endian syntax. Blocks.
    pub(crate) fn converted(&self, to: &str) -> Result<Vec<u8>, ScuError> {
        let failed = |why: &str| ScuError::File(format!("{}: {why}", self.path.display()));
        if self.dataset_bytes > CONVERT_BYTES_MAX {
            return Err(failed("too large to be converted to the peer's transfer syntax"));
        }
        let registered =
            |uid: &str| TransferSyntaxRegistry.get(uid).ok_or_else(|| failed("has an unknown transfer syntax"));
        let (from, to) = (registered(self.transfer_syntax.as_str())?, registered(to)?);
        let mut file = File::open(&self.path).map_err(|error| failed(&error.kind().to_string()))?;
        file.seek(SeekFrom::Start(self.dataset_offset)).map_err(|error| failed(&error.kind().to_string()))?;
        // The file passed the bounded scan: `dicom-object` can be trusted with it.
        let object = InMemDicomObject::read_dataset_with_ts(BufReader::new(file), from)
            .map_err(|_| failed("cannot be read to convert its transfer syntax"))?;
        let mut bytes = Vec::new();
        object
            .write_dataset_with_ts(&mut bytes, to)
            .map_err(|_| failed("cannot be converted to the peer's transfer syntax"))?;
        Ok(bytes)
    }
}
