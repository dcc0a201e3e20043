//! The container: tar (POSIX ustar) of regular files, of which only one spelling exists.
//!
//! A header is read by taking name and size out of it and writing it anew: unless all 512 bytes are the same, it is refused.
//! So links, devices, extended headers, other owners, modes and times, and whatever else a tar may hold, do not get in.

use std::io::{ErrorKind, Read, Write};

use crate::Refusal;

/// Headers, and what content is padded to, in bytes.
const BLOCK: usize = 512;

/// Longest name of a member, in bytes.
pub const NAME_BYTES_MAX: usize = 100;

/// Largest member, in bytes: 11 octal digits.
const SIZE_MAX: u64 = (1 << 33) - 1;

/// A member's name and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Of printable ASCII characters, 1 to 100.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// The one header of a member; `None` when name or size cannot be written.
#[must_use]
pub fn header(name: &str, size: u64) -> Option<[u8; BLOCK]> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || size > SIZE_MAX || !name.bytes().all(|b| b.is_ascii_graphic())
    {
        return None;
    }
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// Name and size of a header that [`header`] writes.
fn parse(block: &[u8; BLOCK]) -> Option<Member> {
    let name = block[..NAME_BYTES_MAX].split(|&byte| byte == 0).next()?;
    let name = std::str::from_utf8(name).ok()?;
    let size = u64::from_str_radix(std::str::from_utf8(&block[124..135]).ok()?, 8).ok()?;
    (header(name, size)? == *block).then(|| Member { name: name.to_owned(), size })
}

/// Writes an archive.
pub struct Writer<W> {
    output: W,
}

impl<W: Write> Writer<W> {
    /// An archive without members.
    pub const fn new(output: W) -> Self {
        Self { output }
    }

    /// Adds a member.
    ///
    /// # Errors
    /// When the output cannot be written, or no member can have this name or size.
    pub fn add(&mut self, name: &str, content: &[u8]) -> std::io::Result<()> {
        let header = header(name, content.len() as u64);
        self.output
            .write_all(&header.ok_or_else(|| std::io::Error::other("a member cannot have this name or size"))?)?;
        self.output.write_all(content)?;
        self.output.write_all(&[0; BLOCK][..padding(content.len() as u64)])
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> std::io::Result<W> {
        self.output.write_all(&[0; 2 * BLOCK])?;
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Zeros after a member of `size` bytes.
const fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// Reads an archive once, from front to back.
pub struct Reader<R> {
    input: R,
    /// Of the member whose content is being read; what is said when the input ends.
    name: String,
    /// Of its content, in bytes.
    left: u64,
    /// Zeros that follow its content, in bytes.
    padding: usize,
    /// Whether the end was read.
    is_ended: bool,
}

impl<R: Read> Reader<R> {
    /// An archive of which nothing has been read.
    pub fn new(input: R) -> Self {
        Self { input, name: "the first header".into(), left: 0, padding: 0, is_ended: false }
    }

    /// The next member, or `None` at the end of the archive, behind which nothing may follow. What was not read of the
    /// member before is an error of the caller's and refused.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Truncated`], [`Refusal::Header`], [`Refusal::Trailing`].
    pub fn advance(&mut self) -> Result<Option<Member>, Refusal> {
        if self.left > 0 {
            return Err(Refusal::Header { after: self.name.clone() });
        }
        if self.is_ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            self.fill(&mut block)?;
            let mut one = [0];
            self.is_ended = block == [0; BLOCK] && self.read_some(&mut one)? == 0;
            return if self.is_ended { Ok(None) } else { Err(Refusal::Trailing) };
        }
        let member = parse(&block).ok_or_else(|| Refusal::Header { after: self.name.clone() })?;
        self.name.clone_from(&member.name);
        self.left = member.size;
        self.padding = padding(member.size);
        Ok(Some(member))
    }

    /// Reads content of the member; 0 at its end.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Truncated`], [`Refusal::Header`] where the padding is not zeros.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.read_some(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(Refusal::Truncated { member: self.name.clone() });
        }
        self.left -= read as u64;
        if self.left == 0 {
            let mut zeros = [0; BLOCK];
            let padding = std::mem::take(&mut self.padding);
            self.fill(&mut zeros[..padding])?;
            if zeros != [0; BLOCK] {
                return Err(Refusal::Header { after: self.name.clone() });
            }
        }
        Ok(read)
    }

    /// All content of the member, which has at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], and those of [`Reader::read`].
    pub fn read_all(&mut self, bytes_max: u64) -> Result<Vec<u8>, Refusal> {
        if self.left > bytes_max {
            return Err(Refusal::TooLarge { member: self.name.clone(), bytes_max });
        }
        // Grows by what comes, not by what the header promises.
        let mut content = Vec::new();
        let mut buffer = [0; 16 << 10];
        while self.left > 0 {
            let read = self.read(&mut buffer)?;
            content.extend_from_slice(&buffer[..read]);
        }
        Ok(content)
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), Refusal> {
        while !buffer.is_empty() {
            match self.read_some(buffer)? {
                0 => return Err(Refusal::Truncated { member: self.name.clone() }),
                read => buffer = &mut buffer[read..],
            }
        }
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(Refusal::Unreadable),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        members.iter().for_each(|(name, content)| writer.add(name, content).unwrap());
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        let mut reader = Reader::new(bytes);
        let mut members = Vec::new();
        while let Some(member) = reader.advance()? {
            members.push((member.name, reader.read_all(1 << 20)?));
        }
        Ok(members)
    }

    #[test]
    fn members_come_back() {
        let long = vec![7; 20_000];
        let members: [(&str, &[u8]); 4] = [("a", b""), ("b/c", b"x"), ("d", &[1; 512]), ("e", &long)];
        let read = read(&archive(&members)).unwrap();
        let expected = members.map(|(name, content)| (name.to_owned(), content.to_vec()));
        assert_eq!(read, expected);
    }

    #[test]
    fn any_other_byte_outside_of_contents_is_refused() {
        let bytes = archive(&[("a", b"content"), ("b", b"")]);
        let content = 512..519;
        for index in (0..bytes.len()).filter(|index| !content.contains(index)) {
            for change in [1, 0x80] {
                let mut other = bytes.clone();
                other[index] ^= change;
                assert!(read(&other).is_err(), "byte {index}");
            }
        }
    }

    #[test]
    fn an_end_anywhere_but_at_the_end_is_refused() {
        let bytes = archive(&[("a", b"content"), ("b", &[1; 513])]);
        for len in 0..bytes.len() {
            assert!(matches!(read(&bytes[..len]), Err(Refusal::Truncated { .. })), "{len} bytes");
        }
        assert!(matches!(read(&[&bytes[..], b"\0"].concat()), Err(Refusal::Trailing)));
    }

    #[test]
    fn no_content_is_passed_over() {
        let bytes = archive(&[("a", b"content"), ("b", b"")]);
        let mut reader = Reader::new(&bytes[..]);
        reader.advance().unwrap();
        assert!(matches!(reader.advance(), Err(Refusal::Header { .. })));
    }

    #[test]
    fn impossible_members_are_not_written() {
        let mut writer = Writer::new(Vec::new());
        for name in ["", "a b", "é", &"a".repeat(101)] {
            assert!(writer.add(name, b"").is_err(), "{name}");
        }
        assert!(header("a", SIZE_MAX).is_some() && header("a", SIZE_MAX + 1).is_none());
    }
}
