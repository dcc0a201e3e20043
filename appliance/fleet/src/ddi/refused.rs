//! What this crate refuses itself, by numbers that are never given to another reason.

use thiserror::Error;

use super::installer::Refusal;

/// Why an action of the server fails before an installer sees the bundle, or without a reason of its own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// None, or several.
    #[error("the deployment must have exactly one artifact, a .mbundle file; assign one model bundle to it")]
    NotOneBundle,
    /// The size is 0 or above the limit.
    #[error("the bundle has {declared} bytes and this box takes 1 to {limit} (`bundle_bytes_max`)")]
    Size {
        /// What the server says.
        declared: u64,
        /// What is allowed.
        limit: u64,
    },
    /// No SHA-256, or none that is one.
    #[error("the server gives no SHA-256 of the bundle; upload it again, or update the server")]
    NoDigest,
    /// It leads elsewhere.
    #[error(
        "the bundle's link leads to a server that is not configured; correct the server's own address, or add it to \
         `artifact_origins`"
    )]
    Elsewhere,
    /// It was refused or taken back before.
    #[error("this box refused this bundle before ({code}: {words}); roll out another one")]
    Before {
        /// The number of the reason then.
        code: String,
        /// The reason then.
        words: String,
    },
    /// The bytes are not those that were declared.
    #[error("the downloaded bundle is not the declared one (SHA-256 differs); upload it to the server again")]
    Digest,
    /// It is longer or shorter than declared.
    #[error("the server sends another number of bytes than it declares; upload the bundle to the server again")]
    OtherSize,
    /// Too little room.
    #[error("the bundle needs {needed} bytes of disk and {free} are free; make room on this box")]
    NoRoom {
        /// With what must stay free.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// It was tried often.
    #[error("the bundle could not be downloaded in {tries} tries; the last one: {last}")]
    GivenUp {
        /// Tries in a row that got nothing.
        tries: u32,
        /// What was wrong with the last one.
        last: String,
    },
    /// It was on trial and is not any more.
    #[error("the model was taken back or removed on this box while it was on trial")]
    TakenBack,
}

impl Refused {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOneBundle => "F101",
            Self::Size { .. } => "F102",
            Self::NoDigest => "F103",
            Self::Elsewhere => "F104",
            Self::Before { .. } => "F105",
            Self::Digest => "F106",
            Self::OtherSize => "F107",
            Self::NoRoom { .. } => "F108",
            Self::GivenUp { .. } => "F109",
            Self::TakenBack => "F110",
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let is_lasting = matches!(refused, Refused::TakenBack);
        Self { code: refused.code().into(), words: refused.to_string(), is_lasting }
    }
}
