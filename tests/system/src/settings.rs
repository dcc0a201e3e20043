//! The configuration of a device under test.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::ResultKind;

/// What tests vary; everything else is the device's default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// State folder.
    pub state: PathBuf,
    /// The folder destination, named `folder`: it gets the JSON reports.
    pub reports: PathBuf,
    /// The DICOM destination, named `pacs`: it gets Secondary Captures.
    pub pacs: Option<PacsSettings>,
    /// A second folder destination, named `objects`: it gets every kind of DICOM object.
    pub objects: Option<PathBuf>,
    /// With all views: how long a study waits for more, in milliseconds.
    pub settle_ms: u64,
    /// Otherwise, in milliseconds.
    pub quiet_ms: u64,
    /// Free bytes on the disk below which nothing is taken.
    pub disk_free_bytes_min: u64,
    /// How long a peer may be silent, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Keys of the section `[engine]`, as lines of TOML.
    pub engine: &'static str,
}

/// A DICOM destination.
#[derive(Debug, Clone, Copy)]
pub struct PacsSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Tries before a result is parked.
    pub attempts_max: u32,
    /// More keys of the destination, as lines of TOML.
    pub more: &'static str,
}

impl Settings {
    /// Short waits, state and reports below `folder`, no DICOM destination.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            state: folder.join("state"),
            reports: folder.join("reports"),
            pacs: None,
            objects: None,
            settle_ms: 50,
            quiet_ms: 400,
            disk_free_bytes_min: 1 << 20,
            idle_timeout_ms: 60_000,
            engine: "",
        }
    }

    /// With a DICOM destination that is tried for ever.
    #[must_use]
    pub fn with_pacs(self, address: SocketAddr) -> Self {
        Self { pacs: Some(PacsSettings { address, attempts_max: u32::MAX, more: "" }), ..self }
    }
}

impl fmt::Display for Settings {
    /// As TOML.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "state_dir = {:?}", self.state)?;
        writeln!(formatter, "model = \"untrained\"")?;
        writeln!(formatter, "[console]\nlisten = \"off\"")?;
        writeln!(formatter, "[receiver]\nlisten = \"127.0.0.1:0\"")?;
        writeln!(formatter, "disk_free_bytes_min = {}", self.disk_free_bytes_min)?;
        writeln!(formatter, "idle_timeout_ms = {}", self.idle_timeout_ms)?;
        writeln!(formatter, "[engine]\n{}", self.engine)?;
        writeln!(formatter, "[assembly]\nsettle_ms = {}\nquiet_ms = {}", self.settle_ms, self.quiet_ms)?;
        writeln!(formatter, "[[destinations]]\nname = \"folder\"\nfolder = {:?}", self.reports)?;
        if let Some(PacsSettings { address, attempts_max, more }) = self.pacs {
            writeln!(formatter, "[[destinations]]\nname = \"pacs\"\naddress = \"{address}\"\ncalled_ae = \"PACS\"")?;
            writeln!(
                formatter,
                "retry = {{ first_ms = 20, longest_ms = 200, attempts_max = {attempts_max} }}\n\
                 timeouts = {{ connect_ms = 5000, send_ms = 5000, response_ms = 10000 }}\n{more}"
            )?;
        }
        if let Some(folder) = &self.objects {
            writeln!(formatter, "[[destinations]]\nname = \"objects\"\nfolder = {folder:?}")?;
            let kinds = ResultKind::ALL.into_iter().filter(|kind| kind.is_dicom()).map(ResultKind::name);
            writeln!(formatter, "objects = {:?}", kinds.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
