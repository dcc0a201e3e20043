//! The bounded pre-scan: one walk over a data set, before anything else parses it.
//!
//! The walk keeps an explicit stack of open sequences and items, never deeper than [`ScanLimits::depth_max`]. Every
//! length is held against what encloses it and, in the end, against the file. Values are skipped, except for the few
//! that [`Scan`] holds. Pixel data is located and measured, not read. Real-world slack is tolerated where it does no
//! harm: private and unknown elements, retired group lengths, trailing padding, elements out of order.

mod source;
mod texts;
mod walk;

use std::io::{Read, Seek};

use contract::{Uid, transfer_syntax as syntax};
use thiserror::Error;

use crate::pixels::PixelPlace;
use source::Source;
pub use texts::Texts;

/// What a data set may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanLimits {
    /// Sequences and items inside each other, counted together.
    pub depth_max: usize,
    /// Elements and items in all.
    pub elements_max: u64,
    /// Fragments of encapsulated pixel data.
    pub fragments_max: usize,
    /// Bytes of a deflated data set after inflation.
    pub inflated_bytes_max: u64,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self { depth_max: 64, elements_max: 1 << 20, fragments_max: 1 << 16, inflated_bytes_max: 1 << 30 }
    }
}

/// What the walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// SOP Class UID (0008,0016).
    pub sop_class: Uid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Uid,
    /// Study Instance UID (0020,000D).
    pub study: Uid,
    /// Series Instance UID (0020,000E).
    pub series: Option<Uid>,
    /// Pixel Data (7FE0,0010), if there is any.
    pub pixels: Option<PixelPlace>,
    /// The texts of the patient and study modules as they stand in the data set.
    pub texts: Texts,
}

/// Why a data set was refused. Names the element at fault, never a value.
#[derive(Debug, Error)]
pub enum ScanError {
    /// Reading failed.
    #[error("data set cannot be read: {}", .0.kind())]
    Read(#[from] std::io::Error),
    /// It breaks the encoding rules of its transfer syntax, or ends early.
    #[error("data set is damaged at byte {offset}: {what}")]
    Damaged {
        /// Bytes from the start of the (inflated) data set.
        offset: u64,
        /// Which rule.
        what: &'static str,
    },
    /// It is larger than a limit.
    #[error("data set exceeds the limit of {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// A UID that every instance must have is missing or not valid.
    #[error("data set has no valid {0}")]
    MissingUid(&'static str),
    /// Pixel data and image attributes contradict each other, or the transfer syntax.
    #[error("pixel data does not match: {0}")]
    PixelMismatch(&'static str),
    /// The transfer syntax is not known.
    #[error("transfer syntax is not supported")]
    UnsupportedSyntax,
}

impl ScanError {
    /// Does the data set contradict itself (DICOM status A900) rather than being unreadable (C000)?
    #[must_use]
    pub const fn is_mismatch(&self) -> bool {
        matches!(self, Self::MissingUid(_) | Self::PixelMismatch(_))
    }
}

/// How elements are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

pub(crate) const IMPLICIT_LE: Encoding = Encoding { explicit: false, big_endian: false };

/// How a transfer syntax stores things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxForm {
    pub(crate) encoding: Encoding,
    pub(crate) deflated: bool,
    pub(crate) encapsulated: bool,
}

pub(crate) fn syntax_form(transfer_syntax: &Uid) -> Result<SyntaxForm, ScanError> {
    let explicit = Encoding { explicit: true, big_endian: false };
    let form = |encoding, deflated, encapsulated| Ok(SyntaxForm { encoding, deflated, encapsulated });
    match transfer_syntax.as_str() {
        syntax::IMPLICIT_LE => form(IMPLICIT_LE, false, false),
        syntax::EXPLICIT_LE => form(explicit, false, false),
        syntax::EXPLICIT_BE => form(Encoding { explicit: true, big_endian: true }, false, false),
        syntax::DEFLATED_LE => form(explicit, true, false),
        syntax::RLE_LOSSLESS => form(explicit, false, true),
        // JPEG, JPEG-LS, JPEG 2000 and their like are all registered below this root.
        uid if uid.starts_with("1.2.840.10008.1.2.4.") => form(explicit, false, true),
        _ => Err(ScanError::UnsupportedSyntax),
    }
}

/// Walks the data set from the reader's position to its end.
///
/// # Errors
/// [`ScanError`] at the first rule that is broken or limit that is reached. Memory use does not depend on the data.
pub fn scan<R: Read + Seek>(reader: &mut R, transfer_syntax: &Uid, limits: &ScanLimits) -> Result<Scan, ScanError> {
    let form = syntax_form(transfer_syntax)?;
    if form.deflated {
        let inflated = flate2::bufread::DeflateDecoder::new(std::io::BufReader::new(reader));
        walk::walk(Source::stream(inflated, limits.inflated_bytes_max), form, limits)
    } else {
        walk::walk(Source::file(reader)?, form, limits)
    }
}

#[cfg(test)]
mod tests;
