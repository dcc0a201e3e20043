//! A bundle from the server into the staging file: within its declared size, kept when it breaks off, whole by its digest.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use contract::Digest;
use ring::digest::{Context, SHA256};
use rustix::fs::OFlags;
use ureq::Body;
use ureq::http::{HeaderValue, Response};

use super::plan::Plan;
use super::refused::Refused;
use super::server::{self, Server};
use crate::fault::Fault;

/// What is read and written at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// What a download leaves free on the disk, in bytes.
const RESERVE_BYTES: u64 = 64 << 20;

/// How a try ended that was no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The bundle is whole and durable.
    Whole,
    /// It was told to pause.
    Paused,
}

/// Why a try failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection or the server; the file has `kept` bytes now.
    Fault { fault: Fault, kept: u64 },
    /// The bytes are wrong. `was_resumed`: they are of several tries, and may be sound when they come in one.
    Wrong { refused: Refused, was_resumed: bool },
    /// There is no room.
    NoRoom(Refused),
    /// The disk.
    Disk(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Fetches what is missing. `goes_on` is told how many bytes are there, and says whether to go on.
pub(crate) fn fetch(
    server: &Server,
    plan: &Plan,
    path: &Path,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<End, Trouble> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let mut file = options.open(path)?;
    let mut there = file.metadata()?.len();
    if there > plan.bytes {
        there = 0;
    }
    let had = there;
    if there < plan.bytes {
        check_room(path, plan.bytes - there)?;
        let fault = |fault| Trouble::Fault { fault, kept: there };
        let response = server.artifact(&plan.link, there).map_err(fault)?;
        there = start_of(&response, there, plan.bytes)?;
        file.set_len(there)?;
        file.seek(SeekFrom::Start(there))?;
        if !receive(response, &mut file, there, plan, goes_on)? {
            return Ok(End::Paused);
        }
    }
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    // What is on the disk is read again, also what came in an earlier try.
    if digest(&mut file)? == plan.sha256 {
        return Ok(End::Whole);
    }
    let was_resumed = had > 0 && there > 0;
    Err(Trouble::Wrong { refused: Refused::Digest, was_resumed })
}

/// From which byte on the answer's body is.
fn start_of(response: &Response<Body>, asked: u64, bytes: u64) -> Result<u64, Trouble> {
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match response.status().as_u16() {
        200 => match header("content-length").map(str::parse::<u64>) {
            None => Ok(0),
            Some(Ok(length)) if length == bytes => Ok(0),
            Some(_) => Err(Trouble::Wrong { refused: Refused::OtherSize, was_resumed: false }),
        },
        206 if header("content-range") == Some(&format!("bytes {asked}-{}/{bytes}", bytes - 1)) => Ok(asked),
        // Another part, or one of another file: all of it is asked for next time.
        206 | 416 => Err(Trouble::Wrong { refused: Refused::OtherSize, was_resumed: asked > 0 }),
        status => {
            let retry_after = response.headers().get("retry-after").map(HeaderValue::as_bytes);
            let fault = match status {
                404 | 410 => Fault::new(format!("the server does not have the bundle's file (status {status})")),
                _ => Fault::of_status(status, retry_after),
            };
            Err(Trouble::Fault { fault, kept: asked })
        }
    }
}

/// Writes a body to the file from byte `there` on; false when it was told to pause.
fn receive(
    response: Response<Body>,
    file: &mut File,
    mut there: u64,
    plan: &Plan,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<bool, Trouble> {
    let mut body =
        server::success(response).map_err(|fault| Trouble::Fault { fault, kept: there })?.into_body().into_reader();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match body.read(&mut buffer) {
            Ok(0) if there < plan.bytes => {
                let fault = Fault::new("the connection ended in the middle of the bundle");
                return Err(Trouble::Fault { fault, kept: there });
            }
            Ok(0) => return Ok(true),
            Ok(read) if there + read as u64 > plan.bytes => {
                return Err(Trouble::Wrong { refused: Refused::OtherSize, was_resumed: false });
            }
            Ok(read) => {
                file.write_all(&buffer[..read])?;
                there += read as u64;
                if !goes_on(there) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Fault { fault: Fault::of_io(&error), kept: there }),
        }
    }
}

fn check_room(path: &Path, bytes: u64) -> Result<(), Trouble> {
    let numbers = rustix::fs::statvfs(path).map_err(io::Error::from)?;
    let (needed, free) = (bytes.saturating_add(RESERVE_BYTES), numbers.f_bavail.saturating_mul(numbers.f_frsize));
    if needed > free { Err(Trouble::NoRoom(Refused::NoRoom { needed, free })) } else { Ok(()) }
}

fn digest(file: &mut File) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => context.update(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    Ok(Digest::from_bytes(bytes))
}

/// Removes the staging file, which need not be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
