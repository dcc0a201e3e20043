//! Results on their way, and where they go.

use serde::Serialize;

use super::{Id, Name};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Waiting,
    /// The destination took it and was not heard yet on whether it keeps it.
    Committing,
    /// The destination has it.
    Delivered,
    /// It needs a person.
    Parked,
    /// Sent only when the destination does not accept the kind before it.
    Standby,
    /// The destination does not accept its kind and got another one.
    Replaced,
}

impl DeliveryState {
    /// All, those that need a person first.
    pub const ALL: [Self; 6] =
        [Self::Parked, Self::Waiting, Self::Committing, Self::Delivered, Self::Standby, Self::Replaced];

    /// Its name in JSON and addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Committing => "committing",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Standby => "standby",
            Self::Replaced => "replaced",
        }
    }
}

/// Which deliveries; all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this destination.
    pub destination: Option<Name>,
}

/// One result object on its way to one destination.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Its name.
    pub id: Id,
    /// Of which study.
    pub study: Id,
    /// Of which revision of its report.
    pub revision: u32,
    /// What: `summary`, `heat map`, `CAD SR`.
    pub object: String,
    /// Where to.
    pub destination: Name,
    /// Where it stands.
    pub state: DeliveryState,
    /// Since when.
    pub since_ms: u64,
    /// When it is tried next, when the device does so by itself.
    pub next_at_ms: Option<u64>,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed, and what to do.
    pub error: Option<String>,
    /// What happened to it, the oldest first; at most 50, and empty where the device keeps none.
    pub history: Vec<Happening>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    /// When.
    pub at_ms: u64,
    /// What, in plain words.
    pub what: String,
}

/// Where results go.
#[derive(Clone, Debug, Serialize)]
pub struct Destination {
    /// Its name.
    pub name: Name,
    /// `DICOM`, `STOW-RS`, `POST`, `folder`.
    pub kind: String,
    /// Address and title, or folder; no secret.
    pub address: String,
    /// Whether what goes there is encrypted.
    pub encrypted: bool,
    /// Deliveries to be sent.
    pub waiting: u64,
    /// Deliveries that need a person.
    pub parked: u64,
    /// When it last took something.
    pub last_delivered_at_ms: Option<u64>,
    /// Why the last try failed, when it did.
    pub last_error: Option<String>,
    /// Whether [`super::Device::echo`] makes sense.
    pub can_echo: bool,
    /// Whether [`super::Device::test_send`] makes sense.
    pub can_test_send: bool,
}

/// What came of asking a destination.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Whether it went well.
    pub good: bool,
    /// What it said, or why not and what to do.
    pub sentence: String,
    /// How long it took.
    pub duration_ms: u64,
}
