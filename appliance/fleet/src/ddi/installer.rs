//! What the composition does with a bundle.

use std::collections::BTreeMap;
use std::path::Path;

use contract::Digest;
use serde::{Deserialize, Serialize};

/// Why a bundle does not run, by the number of whoever refuses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The number of the reason, for instance `B203`.
    pub code: String,
    /// The reason in plain words, without patient data; cut at 400 characters where it is reported.
    pub words: String,
    /// True where it lies in the bundle and will not change, so that the same bundle is not fetched again; false where it
    /// lies in the device as it is now, for instance a full disk.
    pub is_lasting: bool,
}

/// Where a bundle stands on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The device does not have it.
    Unknown,
    /// It is installed and does not run.
    Installed,
    /// It runs on trial.
    OnTrial,
    /// It is the one that runs.
    Active,
    /// It was refused, failed or was taken back.
    Refused(Refusal),
}

/// How the server wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When it suits.
    Soft,
    /// At once.
    Forced,
}

/// What the server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The server's number of the action.
    pub action: u64,
    /// Of the whole bundle file.
    pub sha256: Digest,
    /// Size of the bundle file.
    pub bytes: u64,
}

/// The answer to an offer that needs a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// The server may roll it out to this box.
    Confirm,
    /// It may not, with the reason in plain words.
    Deny(String),
    /// Nobody has decided yet; asked again at the next poll.
    Wait,
}

/// Installs bundles. All of it is called from the agent's thread and may block; the file at `path` is the downloaded
/// bundle, its size and SHA-256 as the server declared them and nothing else checked.
pub trait Installer: Send {
    /// Where the bundle in this file stands on this device. Asked before anything is done with it, also after a power cut
    /// at any moment, and from time to time while it is on trial: it is what keeps a bundle from being installed twice.
    fn standing(&mut self, path: &Path) -> Standing;

    /// Checks, keeps and tests the bundle, so that it stands [`Standing::Installed`].
    ///
    /// # Errors
    /// Why it is not taken; nothing of it is kept then.
    fn install(&mut self, path: &Path) -> Result<(), Refusal>;

    /// Makes the installed bundle the one that runs, on trial or at once.
    ///
    /// # Errors
    /// Why it does not run.
    fn activate(&mut self, path: &Path) -> Result<(), Refusal>;

    /// May a bundle be installed just now? Asked at each poll until it may.
    fn admits(&mut self, urgency: Urgency) -> bool {
        let _ = urgency;
        true
    }

    /// Shall this offer be rolled out here? Asked only where the server wants a confirmation, and after what can be checked
    /// of the offer was.
    fn consents(&mut self, offer: &Offer) -> Consent {
        let _ = offer;
        Consent::Confirm
    }

    /// What the server shall know of this box: serial number, version, model, engine. No patient data. At most 32 entries
    /// with keys of at most 32 and values of at most 128 characters are sent.
    fn facts(&mut self) -> BTreeMap<String, String>;
}
