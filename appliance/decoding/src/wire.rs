//! What crosses the border between supervisor and worker.
//!
//! The worker's standard output is an anonymous file: four bytes with the length of a JSON text (little endian), the
//! text, a [`Response`], and for a decoded image its samples, two bytes each, little endian, row by row. The supervisor
//! reads it only after the worker has ended, and trusts nothing in it: lengths are checked against the file's size.

use std::io::{Read, Write};

use contract::{InstanceAttributes, PatientStudy, Uid};
use imaging::DecodedHeader;
use serde::{Deserialize, Serialize};

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Task {
    /// Read the header's attributes.
    Inspect,
    /// Decode the pixels.
    Decode,
}

impl Task {
    /// The word on the worker's command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Decode => "decode",
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Study Instance UID.
    pub study: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// What the eligibility rules look at.
    pub attributes: InstanceAttributes,
    /// What result objects repeat.
    pub patient_study: PatientStudy,
}

/// A worker's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// To [`Task::Inspect`].
    Inspected(Box<Inspection>),
    /// To [`Task::Decode`]; the samples follow.
    Decoded(Box<DecodedHeader>),
    /// The file is at fault.
    Failed {
        /// Stable and machine-readable.
        code: String,
        /// For people, without patient data.
        text: String,
    },
}

/// The longest JSON text that is read.
const RESPONSE_BYTES_MAX: u32 = 4 << 20;

/// How many bytes of samples are converted at a time.
const CHUNK_BYTES: usize = 1 << 20;

pub(crate) fn write_response(output: &mut impl Write, response: &Response) -> std::io::Result<()> {
    let text = serde_json::to_vec(response)?;
    let length = u32::try_from(text.len()).map_err(std::io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(&text)
}

pub(crate) fn write_samples(output: &mut impl Write, samples: &[u16]) -> std::io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    for samples in samples.chunks(CHUNK_BYTES / 2) {
        chunk.clear();
        chunk.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        output.write_all(&chunk)?;
    }
    Ok(())
}

pub(crate) fn read_response(input: &mut impl Read) -> std::io::Result<Response> {
    let mut length = [0_u8; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > RESPONSE_BYTES_MAX {
        return Err(std::io::Error::other("response is too long"));
    }
    let mut text = vec![0_u8; length as usize];
    input.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Reads exactly `count` samples; more or fewer is an error.
pub(crate) fn read_samples(input: &mut impl Read, count: usize) -> std::io::Result<Vec<u16>> {
    let mut samples = Vec::with_capacity(count);
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    while samples.len() < count {
        let bytes = CHUNK_BYTES.min((count - samples.len()) * 2);
        input.read_exact(&mut chunk[..bytes])?;
        samples.extend(chunk[..bytes].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
    }
    if input.read(&mut chunk[..1])? != 0 {
        return Err(std::io::Error::other("response holds more than its samples"));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_the_border() {
        let samples: Vec<u16> = (0..CHUNK_BYTES as u32 + 3).map(|value| value as u16).collect();
        let mut file = Vec::new();
        write_samples(&mut file, &samples).unwrap();
        assert_eq!(read_samples(&mut file.as_slice(), samples.len()).unwrap(), samples);
        assert!(read_samples(&mut file.as_slice(), samples.len() - 1).is_err(), "one sample too many");
        assert!(read_samples(&mut file.as_slice(), samples.len() + 1).is_err(), "one sample too few");
    }

    #[test]
    fn a_lying_length_is_refused_before_it_is_allocated() {
        let file = u32::MAX.to_le_bytes();
        assert!(read_response(&mut file.as_slice()).is_err());
    }
}
