//! One instance on its way to disk.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use contract::uid::IMPLEMENTATION_CLASS;
use contract::{Digest, Uid};
use dataset::{Scan, ScanError, ScanLimits, read_file_meta, scan};
use dimse::{Status, StoreRequest};
use domain::{AeTitle, InstanceKey, ReceivedInstance, StoredFile, StudyKey, UnixMillis};
use queue::StateDir;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::quarantine::Quarantine;

/// Why an instance is not taken. Names no value of it.
#[derive(Debug, Error)]
pub(crate) enum SpoolError {
    /// The disk failed or is full.
    #[error("{what}: {}", source.kind())]
    Disk { what: &'static str, source: std::io::Error },
    /// The disk has less free space than must stay free.
    #[error("disk is nearly full")]
    NoSpace,
    /// It is larger than allowed.
    #[error("instance is larger than {0} bytes")]
    TooLarge(u64),
    /// There is not one byte of it.
    #[error("data set is empty")]
    Empty,
    /// The data set did not pass the scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The data set's UIDs are not those of the command.
    #[error("data set has another {0} than the command")]
    OtherUid(&'static str),
}

impl SpoolError {
    /// What the sender is told.
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Disk { .. } | Self::NoSpace | Self::TooLarge(_) | Self::Scan(ScanError::Read(_)) => {
                Status::OUT_OF_RESOURCES
            }
            Self::OtherUid(_) => Status::DATA_SET_MISMATCH,
            Self::Scan(error) if error.is_mismatch() => Status::DATA_SET_MISMATCH,
            Self::Empty | Self::Scan(_) => Status::CANNOT_UNDERSTAND,
        }
    }
}

/// What is known of an instance before its first byte.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) request: StoreRequest,
    pub(crate) transfer_syntax: Uid,
    pub(crate) calling_ae: AeTitle,
}

/// What one instance may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpoolLimits {
    /// Bytes of the whole file, and of its data set after inflation.
    pub(crate) bytes_max: u64,
    /// Bytes that must stay free on the disk.
    pub(crate) disk_free_bytes_min: u64,
}

/// A file that is being received; it is removed when it is dropped unfinished. Methods block.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    incoming: Incoming,
    limits: SpoolLimits,
    file: File,
    /// Where it is now.
    path: PathBuf,
    name: String,
    received_at: UnixMillis,
    dataset_offset: u64,
    length: u64,
    whole: Sha256,
    dataset: Sha256,
    finished: bool,
}

impl SpoolFile {
    pub(crate) fn create(state: &StateDir, incoming: Incoming, limits: SpoolLimits) -> Result<Self, SpoolError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !has_space(&state.incoming(), limits.disk_free_bytes_min) {
            return Err(SpoolError::NoSpace);
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let received_at = UnixMillis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX));
        // Unique by process and number; a clock that is set back cannot make two alike, and `create_new` refuses it.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:013}-{:08x}{number:08x}.dcm", received_at.0, std::process::id());
        let path = state.incoming().join(format!("{name}.part"));
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(&path);
        let file = file.map_err(disk("spool file cannot be made"))?;
        let header = part_10_header(&incoming);
        let mut spool = Self {
            incoming,
            limits,
            file,
            path,
            name,
            received_at,
            dataset_offset: header.len() as u64,
            length: 0,
            whole: Sha256::new(),
            dataset: Sha256::new(),
            finished: false,
        };
        spool.append(&header)?;
        Ok(spool)
    }

    /// Appends bytes of the data set. The disk is asked again each time: many instances may be coming in at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        if self.length + bytes.len() as u64 > self.limits.bytes_max {
            return Err(SpoolError::TooLarge(self.limits.bytes_max));
        }
        if !has_space(&self.path, self.limits.disk_free_bytes_min) {
            return Err(SpoolError::NoSpace);
        }
        self.dataset.update(bytes);
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.file.write_all(bytes).map_err(disk("spool file cannot be written"))?;
        self.whole.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Checks the data set and makes file and name durable.
    pub(crate) fn finish(&mut self, state: &StateDir) -> Result<ReceivedInstance, SpoolError> {
        if self.length == self.dataset_offset {
            return Err(SpoolError::Empty);
        }
        self.file.seek(SeekFrom::Start(self.dataset_offset)).map_err(disk("spool file cannot be read"))?;
        // Never more than the default: a file that was acknowledged must pass `reread` too.
        let inflated_bytes_max = ScanLimits::default().inflated_bytes_max.min(self.limits.bytes_max);
        let limits = ScanLimits { inflated_bytes_max, ..ScanLimits::default() };
        let found = scan(&mut self.file, &self.incoming.transfer_syntax, &limits)?;
        let request = &self.incoming.request;
        if found.sop_instance != request.sop_instance {
            return Err(SpoolError::OtherUid("SOP Instance UID"));
        }
        if found.sop_class != request.sop_class {
            return Err(SpoolError::OtherUid("SOP Class UID"));
        }
        self.file.sync_all().map_err(disk("spool file cannot be synced"))?;
        let spooled = state.spool().join(&self.name);
        fs::rename(&self.path, &spooled).map_err(disk("spool file cannot be renamed"))?;
        self.path = spooled;
        let folder = File::open(state.spool()).and_then(|folder| folder.sync_all());
        folder.map_err(disk("spool folder cannot be synced"))?;
        self.finished = true;
        let file = StoredFile {
            name: self.name.clone(),
            len: self.length,
            sha256: Digest::from_bytes(self.whole.clone().finalize().into()),
        };
        let dataset_sha256 = Digest::from_bytes(self.dataset.clone().finalize().into());
        Ok(received(found, &self.incoming, file, dataset_sha256, self.received_at))
    }

    /// Its name in the spool.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Removes it, though it is finished. What cannot be removed is a duplicate at the next start.
    pub(crate) fn remove(mut self) {
        self.finished = false;
    }

    /// Puts it into the quarantine, or removes it; false when it was not kept.
    pub(crate) fn keep_refused(mut self, quarantine: &Quarantine, status: Status) -> std::io::Result<bool> {
        self.finished = false;
        if !has_space(&self.path, self.limits.disk_free_bytes_min) {
            return Ok(false);
        }
        let name = format!("{}.{status}.dcm", self.name.trim_end_matches(".dcm"));
        let kept = quarantine.keep(&self.path, name, self.length)?;
        self.finished = kept;
        Ok(kept)
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn disk(what: &'static str) -> impl FnOnce(std::io::Error) -> SpoolError {
    move |source| SpoolError::Disk { what, source }
}

fn has_space(path: &Path, free_min: u64) -> bool {
    // A disk that cannot even be asked is not one to promise anything on.
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= free_min)
}

fn received(
    found: Scan,
    incoming: &Incoming,
    spool: StoredFile,
    dataset_sha256: Digest,
    received_at: UnixMillis,
) -> ReceivedInstance {
    ReceivedInstance {
        key: InstanceKey(found.sop_instance),
        study: StudyKey(found.study),
        sop_class: found.sop_class,
        calling_ae: incoming.calling_ae.clone(),
        transfer_syntax: incoming.transfer_syntax.clone(),
        spool,
        dataset_sha256,
        received_at,
    }
}

/// Preamble and file meta information (PS3.10 section 7.1), with the sender in Source Application Entity Title.
fn part_10_header(incoming: &Incoming) -> Vec<u8> {
    let mut group = vec![2, 0, 1, 0, b'O', b'B', 0, 0, 2, 0, 0, 0, 0, 1];
    let mut element = |element: u16, vr: &[u8; 2], text: &str, padding: u8| {
        let mut value = text.as_bytes().to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(padding);
        }
        group.extend([2, 0]);
        group.extend(element.to_le_bytes());
        group.extend(vr);
        group.extend((value.len() as u16).to_le_bytes());
        group.extend(value);
    };
    element(0x0002, b"UI", incoming.request.sop_class.as_str(), 0);
    element(0x0003, b"UI", incoming.request.sop_instance.as_str(), 0);
    element(0x0010, b"UI", incoming.transfer_syntax.as_str(), 0);
    element(0x0012, b"UI", IMPLEMENTATION_CLASS, 0);
    element(0x0016, b"AE", incoming.calling_ae.as_str(), b' ');
    let mut header = [vec![0; 128], b"DICM".to_vec(), vec![2, 0, 0, 0, b'U', b'L', 4, 0]].concat();
    header.extend((group.len() as u32).to_le_bytes());
    header.extend(group);
    header
}

/// Makes the row of a spooled file anew: sender from its meta information, arrival from its name, the rest from its bytes.
///
/// # Errors
/// A text that says what is wrong, without patient data.
pub fn reread(path: &Path) -> Result<ReceivedInstance, String> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("file name is not ours")?;
    let received_at =
        name.get(..13).and_then(|digits| digits.parse().ok()).map(UnixMillis).ok_or("file name is not ours")?;
    let mut file = File::open(path).map_err(|error| error.kind().to_string())?;
    let meta = read_file_meta(&mut file).map_err(|error| error.to_string())?;
    let calling_ae = meta.source_ae_title.as_deref().and_then(|text| AeTitle::parse(text).ok());
    let calling_ae = calling_ae.ok_or("file names no sender")?;
    let found = scan(&mut file, &meta.transfer_syntax, &ScanLimits::default()).map_err(|error| error.to_string())?;
    let (whole, dataset, len) = digests(&mut file, meta.dataset_offset).map_err(|error| error.kind().to_string())?;
    let request =
        StoreRequest { message_id: 0, sop_class: found.sop_class.clone(), sop_instance: found.sop_instance.clone() };
    let incoming = Incoming { request, transfer_syntax: meta.transfer_syntax, calling_ae };
    let spool = StoredFile { name: name.to_owned(), len, sha256: whole };
    Ok(received(found, &incoming, spool, dataset, received_at))
}

/// Digests of the whole file and of its data set, and its length.
fn digests(file: &mut File, dataset_offset: u64) -> std::io::Result<(Digest, Digest, u64)> {
    file.rewind()?;
    let (mut whole, mut dataset) = (Sha256::new(), Sha256::new());
    let mut header = vec![0; usize::try_from(dataset_offset).map_err(std::io::Error::other)?];
    file.read_exact(&mut header)?;
    whole.update(&header);
    let mut length = dataset_offset;
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        whole.update(&chunk[..count]);
        dataset.update(&chunk[..count]);
        length += count as u64;
    }
    Ok((Digest::from_bytes(whole.finalize().into()), Digest::from_bytes(dataset.finalize().into()), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn garbage(state: &StateDir) -> SpoolFile {
        let uid = |text| Uid::parse(text).unwrap();
        let request = StoreRequest { message_id: 1, sop_class: uid("1.2"), sop_instance: uid("1.2.3") };
        let incoming = Incoming {
            request,
            transfer_syntax: uid("1.2.840.10008.1.2.1"),
            calling_ae: AeTitle::parse("UNIT").unwrap(),
        };
        let limits = SpoolLimits { bytes_max: 1000, disk_free_bytes_min: 0 };
        let mut file = SpoolFile::create(state, incoming, limits).unwrap();
        file.write(&[0xAB; 100]).unwrap();
        assert_eq!(file.finish(state).unwrap_err().status(), Status::CANNOT_UNDERSTAND);
        file
    }

    #[test]
    fn below_the_watermark_nothing_is_written_or_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let quarantine = Quarantine::open(&state, 1 << 20).unwrap();
        let kept = || fs::read_dir(folder.path().join("quarantine")).unwrap().count();
        assert!(garbage(&state).keep_refused(&quarantine, Status::CANNOT_UNDERSTAND).unwrap());
        assert_eq!(kept(), 1);
        let mut file = garbage(&state);
        // The disk fills up while the instance comes in.
        file.limits.disk_free_bytes_min = u64::MAX;
        assert!(matches!(file.write(&[1]), Err(SpoolError::NoSpace)));
        assert!(!file.keep_refused(&quarantine, Status::CANNOT_UNDERSTAND).unwrap());
        assert_eq!((kept(), fs::read_dir(state.incoming()).unwrap().count()), (1, 0));
    }
}
