//! A file of the cache: a header of fixed size, then the payload.
//!
//! Header: 8 bytes that name kind and format, the digest of the key, the payload's length (little endian), and the
//! payload's digest. Each of its bytes is held against what it must be, so none can change unseen.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 8 + 32 + 8 + 32;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A plan.
    Plan,
    /// A timing cache.
    TimingCache,
    /// Our own kernels, compiled.
    Kernels,
}

impl Kind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Plan => b"MMRPLAN1",
            Self::TimingCache => b"MMRTIME1",
            Self::Kernels => b"MMRCUBN1",
        }
    }
}

/// Why a file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// It has fewer bytes than a header.
    #[error("it is cut within its header")]
    Short,
    /// It is no such file, or of another version of this software.
    #[error("it is not a file of this kind")]
    Kind,
    /// It holds for another network, device, version or precision.
    #[error("it was made for something else")]
    Key,
    /// It has another length than its header says.
    #[error("it has another length than it should")]
    Length,
    /// Its payload is damaged.
    #[error("it is damaged")]
    Payload,
}

/// The header of a payload.
pub(super) fn header(kind: Kind, key: &[u8; 32], payload: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(kind.magic());
    header.extend_from_slice(key);
    header.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    header.extend_from_slice(&Sha256::digest(payload));
    header
}

/// The payload of a whole file.
///
/// # Errors
/// [`RecordFault`]; nothing of the file is given then.
pub(super) fn open(kind: Kind, key: &[u8; 32], mut file: Vec<u8>) -> Result<Vec<u8>, RecordFault> {
    if file.len() < HEADER_BYTES {
        return Err(RecordFault::Short);
    }
    let payload = file.split_off(HEADER_BYTES);
    let expected = header(kind, key, &payload);
    let parts = [(0..8, RecordFault::Kind), (8..40, RecordFault::Key), (40..48, RecordFault::Length)];
    for (range, fault) in parts {
        if file.get(range.clone()) != expected.get(range) {
            return Err(fault);
        }
    }
    if file == expected { Ok(payload) } else { Err(RecordFault::Payload) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn file(payload: &[u8]) -> Vec<u8> {
        [header(Kind::Plan, &KEY, payload), payload.to_vec()].concat()
    }

    #[test]
    fn what_was_stored_is_given() {
        assert_eq!(open(Kind::Plan, &KEY, file(b"plan")), Ok(b"plan".to_vec()));
        assert_eq!(open(Kind::Plan, &KEY, file(b"")), Ok(vec![]));
    }

    #[test]
    fn every_bit_of_header_and_payload_counts() {
        let whole = file(b"payload");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                let expected = match at {
                    0..8 => RecordFault::Kind,
                    8..40 => RecordFault::Key,
                    40..48 => RecordFault::Length,
                    _ => RecordFault::Payload,
                };
                assert_eq!(open(Kind::Plan, &KEY, damaged), Err(expected), "byte {at}");
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_or_has_more_is_refused_at_any_length() {
        let whole = file(b"payload");
        for length in 0..whole.len() {
            let fault = open(Kind::Plan, &KEY, whole[..length].to_vec()).unwrap_err();
            let expected = if length < HEADER_BYTES { RecordFault::Short } else { RecordFault::Length };
            assert_eq!(fault, expected, "{length}");
        }
        assert_eq!(open(Kind::Plan, &KEY, [whole, vec![0]].concat()), Err(RecordFault::Length));
    }

    #[test]
    fn a_file_of_another_key_or_kind_is_refused() {
        assert_eq!(open(Kind::Plan, &[8; 32], file(b"plan")), Err(RecordFault::Key));
        assert_eq!(open(Kind::TimingCache, &KEY, file(b"plan")), Err(RecordFault::Kind));
    }
}
