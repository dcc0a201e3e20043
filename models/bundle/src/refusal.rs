//! Why a bundle is not taken. Each reason has a code that stays and a sentence for whoever holds the stick.

use contract::Digest;
use contract::golden::GoldenError;

use crate::canonical::NotCanonical;
use crate::version::SoftwareVersion;

/// Why a key set is not followed.
#[derive(Debug, thiserror::Error)]
pub enum RootFault {
    /// Not canonical JSON of a key set.
    #[error("it is no key set: {0}")]
    Form(#[from] NotCanonical),
    /// A value is none that a key set can have.
    #[error("{0}")]
    Values(&'static str),
    /// Not the next one.
    #[error("it has version {found}, and the one that follows {trusted} is needed")]
    Version {
        /// Its version.
        found: u32,
        /// The version of the key set before it.
        trusted: u32,
    },
    /// Not signed by enough keys.
    #[error("{valid} of {needed} signatures hold that {whose} asks for")]
    Threshold {
        /// Which key set is not content.
        whose: &'static str,
        /// How many hold.
        valid: usize,
        /// How many must.
        needed: usize,
    },
}

/// Why a bundle is refused. The first digit of a code says of which part: 1 the file, 2 keys and signatures, 3 the manifest,
/// 4 this device, 5 the model's files, 6 whether they belong together.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The medium fails.
    #[error("the bundle cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// The file is not whole.
    #[error("the bundle is cut off within {member}")]
    Truncated {
        /// The last member that began.
        member: String,
    },
    /// Something else.
    #[error("this file is no model bundle")]
    NotABundle,
    /// A link, a device, another owner, a longer name: no header of a bundle.
    #[error("after {after} comes a header that no bundle has, such as a link's or a device's")]
    Header {
        /// The member before.
        after: String,
    },
    /// A member that should not be there, is doubled, missing or in another place.
    #[error("{found} stands where {expected} should")]
    Order {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// Larger than any of its kind.
    #[error("{member} is larger than {bytes_max} bytes")]
    TooLarge {
        /// Which.
        member: String,
        /// The limit.
        bytes_max: u64,
    },
    /// Something follows the end.
    #[error("something follows the end of the bundle")]
    Trailing,
    /// `signatures.json` holds none.
    #[error("the bundle's signatures are of no form that this software knows")]
    Signatures,
    /// Not signed by enough keys that this device trusts.
    #[error("{valid} of {needed} signatures hold that this device asks for")]
    Threshold {
        /// How many hold.
        valid: usize,
        /// How many must.
        needed: usize,
    },
    /// As above, and a revoked key signed.
    #[error("the bundle is signed with a revoked key")]
    Revoked,
    /// The bundle brings new keys, which this device has no reason to trust.
    #[error("key set {version} in the bundle is not trusted: {fault}")]
    Root {
        /// The key set's version.
        version: u32,
        /// Why.
        fault: RootFault,
    },
    /// Too many key sets, or not in order.
    #[error("the bundle's key sets are not one after the other, or are more than {0}")]
    Roots(usize),
    /// Made for later software.
    #[error("the bundle is of format {0}, which this software does not know")]
    UnknownFormat(String),
    /// Not canonical JSON of a manifest: a field is missing, unknown or doubled.
    #[error("the bundle's manifest is of no form that this software knows: {0}")]
    ManifestForm(NotCanonical),
    /// A value is none that a bundle can have.
    #[error("the bundle's manifest cannot be obeyed: {0}")]
    ManifestValues(&'static str),
    /// A name of a file that none of the model's has.
    #[error("the bundle lists a file at a place where no model has one: {0}")]
    Path(String),
    /// Older than what this device had.
    #[error("the bundle has sequence {sequence}, this device takes none below {floor}")]
    Downgrade {
        /// The bundle's.
        sequence: u64,
        /// The device's.
        floor: u64,
    },
    /// So much newer that no later bundle could follow.
    #[error("the bundle has sequence {sequence}, this device takes none above {ceiling}")]
    FastForward {
        /// The bundle's.
        sequence: u64,
        /// The device's.
        ceiling: u64,
    },
    /// Failed here before.
    #[error("bundle {0} was tried on this device and taken back")]
    Denied(Digest),
    /// Needs another contract.
    #[error("the model needs contract {needs}, this software has {has}")]
    Contract {
        /// `major.minor`.
        needs: String,
        /// `major.minor`.
        has: String,
    },
    /// Needs another engine.
    #[error("the model runs on {needs}, this device has {has}")]
    Engine {
        /// The engines.
        needs: String,
        /// The engine.
        has: String,
    },
    /// The software is too old.
    #[error("the model needs software {needs} or later, this is {has}")]
    SoftwareTooOld {
        /// From which on.
        needs: SoftwareVersion,
        /// This one.
        has: SoftwareVersion,
    },
    /// The software is too new.
    #[error("the model is for software up to {needs}, this is {has}")]
    SoftwareTooNew {
        /// Up to which.
        needs: SoftwareVersion,
        /// This one.
        has: SoftwareVersion,
    },
    /// A file has another size than the manifest says.
    #[error("{path} has {found} bytes, the manifest says {named}")]
    Size {
        /// Which.
        path: String,
        /// The member's.
        found: u64,
        /// The manifest's.
        named: u64,
    },
    /// A file is damaged or changed.
    #[error("{path} is not the file that the manifest names: it is damaged or was changed")]
    Tampered {
        /// Which.
        path: String,
    },
    /// The device cannot keep a file.
    #[error("{path} cannot be written: {source}")]
    Unwritable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The model's own manifest is of no form, or says something else than the bundle's.
    #[error("manifest.json of the model {0}")]
    Model(String),
    /// The golden vectors hold an engine to nothing.
    #[error("golden.json of the model: {0}")]
    Golden(#[from] GoldenError),
}

impl Refusal {
    /// Its code, which is never given to another reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "B101",
            Self::Truncated { .. } => "B102",
            Self::NotABundle => "B103",
            Self::Header { .. } => "B104",
            Self::Order { .. } => "B105",
            Self::TooLarge { .. } => "B106",
            Self::Trailing => "B107",
            Self::Signatures => "B201",
            Self::Threshold { .. } => "B202",
            Self::Revoked => "B203",
            Self::Root { .. } => "B204",
            Self::Roots(_) => "B205",
            Self::UnknownFormat(_) => "B301",
            Self::ManifestForm(_) => "B302",
            Self::ManifestValues(_) => "B303",
            Self::Path(_) => "B304",
            Self::Downgrade { .. } => "B401",
            Self::FastForward { .. } => "B402",
            Self::Denied(_) => "B403",
            Self::Contract { .. } => "B404",
            Self::Engine { .. } => "B405",
            Self::SoftwareTooOld { .. } => "B406",
            Self::SoftwareTooNew { .. } => "B407",
            Self::Size { .. } => "B501",
            Self::Tampered { .. } => "B502",
            Self::Unwritable { .. } => "B503",
            Self::Model(_) => "B601",
            Self::Golden(_) => "B602",
        }
    }

    /// What to do, for a technician.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Truncated { .. } | Self::Trailing | Self::Tampered { .. } => {
                "Copy the bundle again from where it came; if it is refused again, ask its maker for a new copy."
            }
            Self::NotABundle => "Choose the file that ends in .mbundle.",
            Self::Header { .. } | Self::Order { .. } | Self::TooLarge { .. } | Self::Size { .. } | Self::Path(_) => {
                "Do not use this file: it is damaged or was made to do harm. Ask the bundle's maker for a new copy."
            }
            Self::Signatures | Self::Threshold { .. } | Self::Revoked => {
                "Do not use this file: it does not come from a maker that this device trusts. Ask the maker for a bundle \
                 that is signed with the present keys."
            }
            Self::Root { .. } | Self::Roots(_) => {
                "Ask the maker for a bundle that holds every key set since the one that this device has."
            }
            Self::UnknownFormat(_) | Self::SoftwareTooOld { .. } => {
                "Update the device's software first, then try again."
            }
            Self::ManifestForm(_) | Self::ManifestValues(_) | Self::Model(_) | Self::Golden(_) => {
                "Tell the maker: the bundle is signed but was packed wrongly."
            }
            Self::Downgrade { .. } => {
                "Install the newest bundle. To undo the last change, roll back instead of installing an older bundle."
            }
            Self::FastForward { .. } => "Tell the maker: the bundle's sequence is far above the last one's.",
            Self::Denied(_) => "Install another bundle, or allow this one again if the cause of its failure is gone.",
            Self::Contract { .. } | Self::Engine { .. } | Self::SoftwareTooNew { .. } => {
                "Ask the maker for a bundle for this device and its software."
            }
            Self::Unwritable { .. } => "Look after the device's disk, then try again.",
        }
    }
}
