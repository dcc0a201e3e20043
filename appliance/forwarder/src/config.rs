//! Where results go.

use std::path::PathBuf;

use domain::{AeTitle, DestinationName, ResultKind, RetryPolicy};
use scu::{Peer, Timeouts};
use serde::{Deserialize, Serialize};

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    /// Its name in status lines and in the queue. Deliveries stay with the name: rename with care.
    pub name: DestinationName,
    /// DICOM: `host:port` of the storage SCP.
    #[serde(default)]
    pub address: Option<String>,
    /// DICOM: its AE title.
    #[serde(default)]
    pub called_ae: Option<AeTitle>,
    /// DICOM: the AE title that we call with; the receiver's when left out.
    #[serde(default)]
    pub calling_ae: Option<AeTitle>,
    /// Folder: where objects are written.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Which objects; by default Secondary Captures to DICOM and the JSON report to a folder.
    #[serde(default)]
    pub objects: Option<Vec<ResultKind>>,
    /// Deliveries at the same time.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// When to try again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// DICOM: how long to wait.
    #[serde(default)]
    pub timeouts: Timeouts,
}

const fn default_concurrency() -> usize {
    2
}

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationKind {
    /// C-STORE to a storage SCP.
    Dicom(Peer),
    /// Files in a folder.
    Folder(PathBuf),
}

impl DestinationConfig {
    /// How it is reached, with `own_ae` as the calling AE title where none is given.
    ///
    /// # Errors
    /// What is wrong, in words for a technician.
    pub fn kind(&self, own_ae: &AeTitle) -> Result<DestinationKind, String> {
        match (&self.address, &self.called_ae, &self.folder) {
            (Some(address), Some(called_ae), None) => {
                let calling_ae = self.calling_ae.clone().unwrap_or_else(|| own_ae.clone());
                let peer = Peer { address: address.clone(), called_ae: called_ae.clone(), calling_ae };
                if !peer.has_valid_address() {
                    return Err("`address` must be HOST:PORT".into());
                }
                if let Some(kind) = self.objects().iter().find(|kind| !kind.is_dicom()) {
                    return Err(format!("`{}` cannot be sent to a DICOM destination", kind.name()));
                }
                Ok(DestinationKind::Dicom(peer))
            }
            (None, None, Some(folder)) => Ok(DestinationKind::Folder(folder.clone())),
            _ => Err("give either `address` and `called_ae`, or `folder`".into()),
        }
    }

    /// Which objects it gets.
    #[must_use]
    pub fn objects(&self) -> Vec<ResultKind> {
        self.objects.clone().unwrap_or_else(|| {
            if self.folder.is_some() { vec![ResultKind::Json] } else { vec![ResultKind::Summary, ResultKind::Heatmap] }
        })
    }
}
