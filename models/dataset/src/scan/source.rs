//! Bytes with a known place, from a file that can seek or from a stream that cannot.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::ScanError;

/// How much of a file is read at a time: headers are small and far apart.
const BUFFER_BYTES: usize = 8 << 10;

/// The bytes of a data set.
pub(crate) struct Source<R> {
    reader: R,
    position: u64,
    /// Where the data ends: exactly for a file, at most for a stream.
    end: u64,
    exact_end: bool,
    skip: fn(&mut R, u64) -> std::io::Result<u64>,
}

impl<'a, R: Read + Seek> Source<BufReader<&'a mut R>> {
    /// From the reader's position to its end.
    pub(crate) fn file(reader: &'a mut R) -> Result<Self, ScanError> {
        let start = reader.stream_position()?;
        let end = reader.seek(SeekFrom::End(0))?.saturating_sub(start);
        reader.seek(SeekFrom::Start(start))?;
        let skip = |reader: &mut BufReader<&'a mut R>, count: u64| {
            let offset = i64::try_from(count).map_err(std::io::Error::other)?;
            reader.seek_relative(offset).map(|()| count)
        };
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, reader), position: 0, end, exact_end: true, skip })
    }
}

impl<R: Read> Source<R> {
    /// A stream of at most `limit` bytes.
    pub(crate) fn stream(reader: R, limit: u64) -> Self {
        let skip = |reader: &mut R, count: u64| std::io::copy(&mut reader.take(count), &mut std::io::sink());
        Self { reader, position: 0, end: limit, exact_end: false, skip }
    }

    /// Bytes from the start of the data set.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Where the data set ends at the latest.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// An error at the current place.
    pub(crate) const fn damaged(&self, what: &'static str) -> ScanError {
        ScanError::Damaged { offset: self.position, what }
    }

    /// Reads two bytes if there are any: `None` at the very end.
    pub(crate) fn read_pair_or_end(&mut self) -> Result<Option<[u8; 2]>, ScanError> {
        let mut pair = [0_u8; 2];
        let mut filled = 0;
        while filled < 2 {
            match self.reader.read(&mut pair[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.damaged("it ends inside a tag")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error)),
            }
        }
        self.advance(2)?;
        Ok(Some(pair))
    }

    /// Reads exactly `N` bytes.
    pub(crate) fn read<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        let mut bytes = [0_u8; N];
        self.read_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes`.
    pub(crate) fn read_into(&mut self, bytes: &mut [u8]) -> Result<(), ScanError> {
        self.reader.read_exact(bytes).map_err(|error| self.read_error(error))?;
        self.advance(bytes.len() as u64)
    }

    /// Goes on by `count` bytes; all of them must be there.
    pub(crate) fn skip(&mut self, count: u64) -> Result<(), ScanError> {
        if self.exact_end && count > self.end - self.position {
            return Err(self.damaged("a length reaches beyond the end"));
        }
        self.advance(count)?;
        if (self.skip)(&mut self.reader, count).map_err(|error| self.read_error(error))? < count {
            return Err(self.damaged("it ends inside a value"));
        }
        Ok(())
    }

    fn advance(&mut self, count: u64) -> Result<(), ScanError> {
        self.position = self.position.saturating_add(count);
        if self.position > self.end {
            return Err(ScanError::TooLarge { limit: self.end, what: "bytes" });
        }
        Ok(())
    }

    fn read_error(&self, error: std::io::Error) -> ScanError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("it ends early"),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                self.damaged("deflated data is broken")
            }
            _ => ScanError::Read(error),
        }
    }
}
