//! The value of the Authorization header, out of its file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ureq::http::HeaderValue;

/// The longest value; tokens of large directories have some kilobytes.
const AUTHORIZATION_BYTES_MAX: u64 = 8 * 1024;

/// Reads the value at `path`: one line of visible ASCII and spaces. Errors say what is wrong and nothing of what is there.
pub(crate) fn read(path: &Path) -> Result<HeaderValue, String> {
    let bytes = read_bounded(path).map_err(|error| format!("authorization file cannot be read: {}", error.kind()))?;
    let value = bytes.trim_ascii();
    if value.is_empty() {
        return Err("authorization file is empty".into());
    }
    if !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("authorization file holds more than one line, or characters that no header may have".into());
    }
    let mut value = HeaderValue::from_bytes(value).map_err(|_| "authorization file holds no header value")?;
    // So that it prints as "Sensitive", wherever that may be.
    value.set_sensitive(true);
    Ok(value)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(AUTHORIZATION_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > AUTHORIZATION_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_and_does_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " Bearer abc.def==\r\n").unwrap();
        let value = read(&path).unwrap();
        assert_eq!(value.as_bytes(), b"Bearer abc.def==");
        assert!(!format!("{value:?}").contains("abc"), "{value:?}");
    }

    #[test]
    fn everything_else_is_an_error_without_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let long = "s".repeat(AUTHORIZATION_BYTES_MAX as usize + 1);
        for text in
            ["", " \n", "Bearer secret\nX: y", "Bearer secret\r\nX: y", "Bearer s\u{e9}cret", "Bearer\tsecret", &long]
        {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.starts_with("authorization file "), "{error}");
            assert!(!error.contains("cret") && !error.contains("ss"), "{error}");
        }
        assert!(read(&folder.path().join("missing")).unwrap_err().contains("cannot be read"));
        assert!(read(folder.path()).unwrap_err().contains("cannot be read"));
    }
}
