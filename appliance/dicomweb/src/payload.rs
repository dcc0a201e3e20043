//! What is sent: a file, alone or as the only part of a multipart body, streamed with a known length.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use contract::Digest;
use sha2::{Digest as _, Sha256};

/// A request's body before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    path: PathBuf,
    file_bytes: u64,
    head: String,
    tail: String,
    content_type: String,
}

/// A request's body while it is read.
#[derive(Debug)]
pub(crate) struct Body {
    head: Cursor<String>,
    file: File,
    file_bytes_left: u64,
    tail: Cursor<String>,
    is_broken: bool,
}

impl Payload {
    /// The file at `path` as it is.
    pub(crate) fn document(path: &Path, content_type: &str) -> io::Result<Self> {
        let file_bytes = regular(path)?.metadata()?.len();
        let (head, tail) = (String::new(), String::new());
        Ok(Self { path: path.to_owned(), file_bytes, head, tail, content_type: content_type.to_owned() })
    }

    /// The Part 10 file at `path` as the one part of a `multipart/related` body (PS3.18 section 8.6.1.2.2, RFC 2387).
    ///
    /// The boundary is made from the file's own SHA-256: no file can be made that holds its own digest, whatever a
    /// stranger has written into the header of the image that it repeats. The file is read twice for that.
    pub(crate) fn instance(path: &Path) -> io::Result<Self> {
        let mut file = regular(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut file_bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            file_bytes += count as u64;
        }
        // 64 characters; a boundary has at most 70 (RFC 2046 section 5.1.1).
        let boundary = Digest::from_bytes(hash.finalize().into());
        Ok(Self {
            path: path.to_owned(),
            file_bytes,
            head: format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"),
            tail: format!("\r\n--{boundary}--\r\n"),
            content_type: format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"),
        })
    }

    /// Value of the Content-Type header.
    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Value of the Content-Length header.
    pub(crate) const fn length(&self) -> u64 {
        self.head.len() as u64 + self.file_bytes + self.tail.len() as u64
    }

    /// The body from its beginning.
    pub(crate) fn open(&self) -> io::Result<Body> {
        Ok(Body {
            head: Cursor::new(self.head.clone()),
            file: regular(&self.path)?,
            file_bytes_left: self.file_bytes,
            tail: Cursor::new(self.tail.clone()),
            is_broken: false,
        })
    }
}

impl Body {
    /// Did the file, rather than the network, fail?
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.head.read(buffer)?;
        if count > 0 {
            return Ok(count);
        }
        if self.file_bytes_left == 0 {
            return self.tail.read(buffer);
        }
        match (&self.file).take(self.file_bytes_left).read(buffer) {
            // A file that lost its end must not be waited for, and must not be filled up with something else.
            Ok(0) => {
                self.is_broken = true;
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(count) => {
                self.file_bytes_left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.read(buffer),
            Err(error) => {
                self.is_broken = true;
                Err(error)
            }
        }
    }
}

/// A pipe in the place of a result would be waited for without end.
fn regular(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &Payload) -> Vec<u8> {
        let mut bytes = Vec::new();
        payload.open().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, payload.length());
        bytes
    }

    #[test]
    fn a_body_has_its_length_and_is_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        for content in [&b""[..], b"a", &[b'-'; 200_000]] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read(&Payload::document(&path, "application/json").unwrap()), content);
            let payload = Payload::instance(&path).unwrap();
            assert_eq!(read(&payload), read(&payload));
            let (head, tail) = (payload.head.as_bytes(), payload.tail.as_bytes());
            assert_eq!(read(&payload), [head, content, tail].concat());
        }
    }

    #[test]
    fn a_boundary_is_of_its_file_alone_and_short_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        let mut boundaries = Vec::new();
        // The second file holds the first one's boundary, the third the second one's.
        let mut content = b"object".to_vec();
        for _ in 0..3 {
            std::fs::write(&path, &content).unwrap();
            let payload = Payload::instance(&path).unwrap();
            let boundary = payload.content_type().split_once("boundary=").unwrap().1.to_owned();
            assert!(boundary.len() <= 70 && boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let whole = read(&payload);
            let lines =
                format!("\r\n{}", String::from_utf8(whole).unwrap()).matches(&format!("\r\n--{boundary}")).count();
            assert_eq!(lines, 2, "where the part begins and where it ends");
            content = payload.head.clone().into_bytes();
            boundaries.push(boundary);
        }
        boundaries.dedup();
        assert_eq!(boundaries.len(), 3);
    }

    #[test]
    fn a_file_that_changes_breaks_the_body_or_is_sent_as_long_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        std::fs::write(&path, "content").unwrap();
        let payload = Payload::instance(&path).unwrap();
        std::fs::write(&path, "content and more").unwrap();
        assert_eq!(read(&payload).len() as u64, payload.length());
        std::fs::write(&path, "cont").unwrap();
        let mut body = payload.open().unwrap();
        let error = body.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!((error.kind(), body.is_broken()), (io::ErrorKind::UnexpectedEof, true));
    }

    #[test]
    fn only_files_are_sent() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing"), "/dev/zero".into()] {
            assert!(Payload::instance(&path).is_err(), "{}", path.display());
            assert!(Payload::document(&path, "application/json").is_err(), "{}", path.display());
        }
    }
}
