//! Where results go.

use std::path::PathBuf;

use dicomweb::WebConfig;
use domain::{AeTitle, DestinationName, ResultKind, RetryPolicy};
use scu::{Peer, Timeouts};
use secure_transport::{Requestor, RequestorFiles};
use serde::{Deserialize, Serialize};

use crate::Profile;

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
    /// DICOM: it is called over TLS, with these files.
    #[serde(default)]
    pub tls: Option<RequestorFiles>,
    /// DICOM: is a result done when it is taken, or when the destination says that it keeps it (PS3.4 annex J)?
    #[serde(default)]
    pub commitment: CommitmentMode,
    /// DICOM: how long the destination may take to say so before it is asked again, in milliseconds.
    #[serde(default = "default_commitment_wait_ms")]
    pub commitment_wait_ms: u64,
    /// STOW-RS: a DICOMweb service.
    #[serde(default)]
    pub stow: Option<WebConfig>,
    /// HTTPS POST of documents: where to.
    #[serde(default)]
    pub post: Option<WebConfig>,
    /// Folder: where objects are written.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Which objects; by default Secondary Captures to DICOM and STOW-RS, and the JSON report to others.
    #[serde(default)]
    pub objects: Option<Profile>,
    /// Only studies of which one of these AE titles sent something; empty means every study.
    #[serde(default)]
    pub senders: Vec<AeTitle>,
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

/// When a delivery to a DICOM destination is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitmentMode {
    /// When the destination took it.
    #[default]
    None,
    /// When the destination said that it keeps it.
    Required,
}

/// Deliveries at the same time, where nothing is said.
#[must_use]
pub const fn default_concurrency() -> usize {
    2
}

/// An hour: archives may commit only after they have written to their long-term store.
#[must_use]
pub const fn default_commitment_wait_ms() -> u64 {
    3_600_000
}

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationKind {
    /// C-STORE to a storage SCP.
    Dicom(Peer),
    /// STOW-RS to a DICOMweb service.
    Stow(WebConfig),
    /// HTTPS POST.
    Post(WebConfig),
    /// Files in a folder.
    Folder(PathBuf),
}

impl DestinationKind {
    /// May it get this kind of object?
    const fn takes(&self, kind: ResultKind) -> bool {
        match self {
            Self::Dicom(_) | Self::Stow(_) => kind.is_dicom(),
            Self::Post(_) => !kind.is_dicom(),
            Self::Folder(_) => true,
        }
    }

    const fn text(&self) -> &'static str {
        match self {
            Self::Dicom(_) => "a DICOM destination",
            Self::Stow(_) => "a STOW-RS destination",
            Self::Post(_) => "a POST destination",
            Self::Folder(_) => "a folder",
        }
    }
}

impl DestinationConfig {
    /// A destination of this name and nothing else: to be completed by one way to reach it.
    #[must_use]
    pub fn named(name: DestinationName) -> Self {
        Self {
            name,
            address: None,
            called_ae: None,
            calling_ae: None,
            tls: None,
            commitment: CommitmentMode::default(),
            commitment_wait_ms: default_commitment_wait_ms(),
            stow: None,
            post: None,
            folder: None,
            objects: None,
            senders: Vec::new(),
            concurrency: default_concurrency(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
        }
    }

    /// How it is reached, with `own_ae` as the calling AE title where none is given.
    ///
    /// # Errors
    /// What is wrong, in words for a technician.
    pub fn kind(&self, own_ae: &AeTitle) -> Result<DestinationKind, String> {
        let kind = self.way(own_ae)?;
        if let Some(wrong) = self.objects().kinds().find(|object| !kind.takes(*object)) {
            return Err(format!("`{}` cannot be sent to {}", wrong.name(), kind.text()));
        }
        if self.commitment == CommitmentMode::Required && !matches!(kind, DestinationKind::Dicom(_)) {
            return Err(format!("`commitment` cannot be asked of {}", kind.text()));
        }
        match &self.tls {
            Some(_) if !matches!(kind, DestinationKind::Dicom(_)) => {
                return Err(format!("`tls` is for DICOM destinations, not for {}", kind.text()));
            }
            Some(tls) => tls.check().map_err(|error| format!("`tls`: {error}"))?,
            None => {}
        }
        if let DestinationKind::Stow(web) | DestinationKind::Post(web) = &kind {
            web.check().map_err(|error| error.to_string())?;
        }
        if self.commitment_wait_ms == 0 {
            return Err("`commitment_wait_ms` must not be 0".into());
        }
        Ok(kind)
    }

    fn way(&self, own_ae: &AeTitle) -> Result<DestinationKind, String> {
        match (&self.address, &self.called_ae, &self.stow, &self.post, &self.folder) {
            (Some(address), Some(called_ae), None, None, None) => {
                let calling_ae = self.calling_ae.clone().unwrap_or_else(|| own_ae.clone());
                let tls = self.tls.clone().map(Requestor::new);
                let peer = Peer { tls, ..Peer::plain(address.clone(), called_ae.clone(), calling_ae) };
                if peer.has_valid_address() {
                    Ok(DestinationKind::Dicom(peer))
                } else {
                    Err("`address` must be HOST:PORT".into())
                }
            }
            (None, None, Some(stow), None, None) => Ok(DestinationKind::Stow(stow.clone())),
            (None, None, None, Some(post), None) => Ok(DestinationKind::Post(post.clone())),
            (None, None, None, None, Some(folder)) => Ok(DestinationKind::Folder(folder.clone())),
            _ => Err("give either `address` and `called_ae`, or `stow`, or `post`, or `folder`".into()),
        }
    }

    /// Which objects it gets.
    #[must_use]
    pub fn objects(&self) -> Profile {
        self.objects.clone().unwrap_or_else(|| {
            let is_for_documents = self.folder.is_some() || self.post.is_some();
            let captures = [ResultKind::Summary, ResultKind::Heatmap];
            Profile::of(if is_for_documents { &[ResultKind::Json] } else { &captures })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> DestinationConfig {
        toml::from_str(&format!("name = \"pacs\"\n{text}")).unwrap()
    }

    fn kind(text: &str) -> Result<DestinationKind, String> {
        parse(text).kind(&AeTitle::parse("MAMORU").unwrap())
    }

    const DICOM: &str = "address = \"pacs:104\"\ncalled_ae = \"PACS\"\n";

    #[test]
    fn every_way_has_its_objects() {
        let names = |text: &str| parse(text).objects().kinds().map(ResultKind::name).collect::<Vec<_>>();
        assert!(matches!(kind(DICOM), Ok(DestinationKind::Dicom(peer)) if peer.calling_ae.as_str() == "MAMORU"));
        assert_eq!(names(DICOM), ["summary", "heatmap"]);
        let stow = "stow = { url = \"https://pacs.example/dicom-web\" }";
        assert!(matches!(kind(stow), Ok(DestinationKind::Stow(_))));
        assert_eq!(names(stow), ["summary", "heatmap"]);
        let tls = format!("{DICOM}tls = {{ ca = \"ca.pem\" }}");
        assert!(matches!(kind(&tls), Ok(DestinationKind::Dicom(peer)) if peer.tls.is_some()));
        let post = "post = { url = \"https://ris.example/results\" }\nobjects = [\"fhir\"]";
        assert!(matches!(kind(post), Ok(DestinationKind::Post(_))));
        assert_eq!(names("folder = \"a\""), ["json"]);
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (text, why) in [
            ("", "give either"),
            ("address = \"pacs:104\"", "give either"),
            (&format!("{DICOM}folder = \"a\""), "give either"),
            ("address = \"pacs\"\ncalled_ae = \"PACS\"", "`address` must be HOST:PORT"),
            (&format!("{DICOM}objects = [[\"cad_sr\", \"json\"]]"), "`json` cannot be sent to a DICOM destination"),
            ("post = { url = \"https://a\" }\nobjects = [\"cad_sr\"]", "`cad_sr` cannot be sent to a POST destination"),
            ("folder = \"a\"\ncommitment = \"required\"", "`commitment` cannot be asked of a folder"),
            ("stow = { url = \"http://pacs.example\" }", "in the clear"),
            ("folder = \"a\"\ntls = { ca = \"ca.pem\" }", "`tls` is for DICOM destinations, not for a folder"),
            (&format!("{DICOM}tls = {{ ca = \"a\", key = \"b\" }}"), "`tls`: `certificate` and `key` go together"),
            (&format!("{DICOM}commitment_wait_ms = 0"), "`commitment_wait_ms` must not be 0"),
        ] {
            let error = kind(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
