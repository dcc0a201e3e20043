//! One object over whichever way its destination is reached.

use std::path::PathBuf;
use std::time::Duration;

use dicomweb::{Answer, DocumentType, WebClient, WebConfig};
use domain::{AeTitle, Attempt, Delivery, ResultKind, Sop};
use scu::{Peer, Timeouts};

use crate::{DestinationConfig, DestinationKind, dicom, folder};

/// How a try ended, and whether the destination as a whole was at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The object's own end.
    Object(Attempt),
    /// The destination could not be reached; trying other objects now is of no use.
    Unreachable {
        /// Why, without patient data.
        why: String,
        /// How long the destination asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Outcome {
    pub(crate) fn unreachable(why: impl Into<String>) -> Self {
        Self::Unreachable { why: why.into(), retry_after: None }
    }
}

/// An object to carry.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Its file.
    pub path: PathBuf,
    /// Its file's name at the destination, where that has files.
    pub file_name: String,
    /// What it is.
    pub kind: ResultKind,
    /// Its DICOM names, when it is a DICOM object.
    pub sop: Option<Sop>,
    /// The same for the same object whenever it is sent, for destinations that ask for that.
    pub key: String,
}

impl Parcel {
    /// The object of `delivery`, whose file lies in `results`.
    #[must_use]
    pub fn of(delivery: &Delivery, results: &std::path::Path) -> Self {
        Self {
            path: results.join(&delivery.file.name),
            file_name: delivery.file.name.clone(),
            kind: delivery.kind,
            sop: delivery.sop.clone(),
            key: delivery.id.as_str().to_owned(),
        }
    }
}

/// The way to one destination.
#[derive(Debug, Clone)]
pub struct Carrier {
    way: Way,
    timeouts: Timeouts,
}

#[derive(Debug, Clone)]
enum Way {
    Dicom(Peer),
    Stow(WebConfig),
    Post(WebConfig),
    Folder(PathBuf),
}

impl Carrier {
    /// The way to the destination that `config` describes, with `own_ae` as the calling AE title where it gives none. Reads no
    /// file: a certificate that is not there must not keep a device from starting.
    ///
    /// # Errors
    /// What is wrong with it, in words for a technician.
    pub fn new(config: &DestinationConfig, own_ae: &AeTitle) -> Result<Self, String> {
        let way = match config.kind(own_ae)? {
            DestinationKind::Dicom(peer) => Way::Dicom(peer),
            DestinationKind::Stow(stow) => Way::Stow(stow),
            DestinationKind::Post(post) => Way::Post(post),
            DestinationKind::Folder(folder) => Way::Folder(folder),
        };
        Ok(Self { way, timeouts: config.timeouts })
    }

    /// Reads the files that the way needs. Blocks.
    ///
    /// # Errors
    /// What is wrong with them, in words for a technician.
    pub fn check_files(&self) -> Result<(), String> {
        match &self.way {
            Way::Stow(config) | Way::Post(config) => {
                WebClient::new(config).map(drop).map_err(|error| error.to_string())
            }
            Way::Dicom(Peer { tls: Some(tls), .. }) => tls.config().map(drop).map_err(|fault| fault.to_string()),
            Way::Dicom(_) | Way::Folder(_) => Ok(()),
        }
    }

    /// The peer of a DICOM destination.
    #[must_use]
    pub const fn peer(&self) -> Option<(&Peer, Timeouts)> {
        match &self.way {
            Way::Dicom(peer) => Some((peer, self.timeouts)),
            _ => None,
        }
    }

    /// Carries one object, once.
    pub async fn carry(&self, parcel: Parcel) -> Outcome {
        match &self.way {
            Way::Dicom(peer) => dicom::deliver(peer, self.timeouts, &parcel.path).await,
            Way::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder::deliver(&parcel.path, &folder, &parcel.file_name)).await
            }
            Way::Stow(config) => {
                over_web(config.clone(), move |client| match &parcel.sop {
                    Some(sop) => of_answer(client.store(&parcel.path, sop)),
                    None => Outcome::Object(Attempt::Refused { why: "not a DICOM object".into() }),
                })
                .await
            }
            Way::Post(config) => {
                let document = match parcel.kind {
                    ResultKind::Fhir => DocumentType::FhirJson,
                    _ => DocumentType::Json,
                };
                over_web(config.clone(), move |client| of_answer(client.post(&parcel.path, document, &parcel.key)))
                    .await
            }
        }
    }
}

/// Makes a client for one object: what its files say may have changed since the last one, and be mended by then.
async fn over_web(config: WebConfig, send: impl FnOnce(&WebClient) -> Outcome + Send + 'static) -> Outcome {
    blocking(move || match WebClient::new(&config) {
        Ok(client) => send(&client),
        Err(error) => Outcome::unreachable(error.to_string()),
    })
    .await
}

async fn blocking(work: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Outcome::unreachable("internal fault while delivering"))
}

fn of_answer(answer: Answer) -> Outcome {
    Outcome::Object(match answer {
        Answer::Taken => Attempt::Delivered,
        Answer::Failed { why } => Attempt::Failed { why },
        Answer::NotAccepted { why } => Attempt::NotAccepted { why },
        Answer::Refused { why } => Attempt::Refused { why },
        Answer::Unreachable { why, retry_after } => return Outcome::Unreachable { why, retry_after },
    })
}
