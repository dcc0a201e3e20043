//! The command line of `mamoru bundle`.

use std::path::PathBuf;

use bundle::SoftwareVersion;
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::RunningArgs;

/// `mamoru bundle`
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// What to do
    #[command(subcommand)]
    pub command: BundleCommand,
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
}

/// `mamoru bundle ...`
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Make private keys, and the key set that devices are set up with
    Keygen(KeygenArgs),
    /// Make the key set that follows another one: new keys, revoked keys
    Rotate(RotateArgs),
    /// Make a signed bundle of a model's folder
    Pack(PackArgs),
    /// Show what a bundle says of itself, trusted or not
    Inspect {
        /// The bundle
        file: PathBuf,
    },
    /// Check a bundle as a device with this software would, all but its self-test
    Verify {
        /// The bundle
        file: PathBuf,
        /// The key set that the device was set up with
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
    /// Check a bundle and keep it on this device; it does not run before it is activated
    Install {
        /// The bundle
        file: PathBuf,
        /// The key set that the device was set up with; without it keys.json in its state folder
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Show the models of this device
    List,
    /// Test an installed model on this device, and run it on trial from the next start of the service on
    Activate {
        /// The bundle, by the beginning of its digest; without it the one that waits
        bundle: Option<String>,
        /// Starts that it has until it is confirmed, 1 to 10; then the model before comes back
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
        starts: u8,
    },
    /// Keep the model on trial for good
    Confirm {
        /// The bundle, by the beginning of its digest; without it the one on trial
        bundle: Option<String>,
    },
    /// Go back to the model before, from the next start of the service on
    Rollback {
        /// Why, for whoever reads the list
        #[arg(long, value_name = "TEXT", default_value = "rolled back by a person")]
        why: String,
    },
    /// Let an installed model wait as shadow of the active one
    Shadow {
        /// The bundle, by the beginning of its digest
        bundle: String,
    },
    /// Remove an installed model that does not run
    Remove {
        /// The bundle, by the beginning of its digest
        bundle: String,
    },
    /// Let a bundle that failed or was rolled back be installed again
    Allow {
        /// The bundle, by the beginning of its digest
        bundle: String,
    },
}

/// `mamoru bundle keygen`
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// A new or empty folder for the keys
    pub folder: PathBuf,
    /// Make one key of this role and no key set, for `rotate`
    #[arg(long, value_enum)]
    pub role: Option<RoleChoice>,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleChoice {
    /// Key sets
    Root,
    /// Bundles
    Release,
    /// Permissions
    Emergency,
}

/// `mamoru bundle rotate`
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The key set that is followed
    #[arg(long, value_name = "FILE")]
    pub keys: PathBuf,
    /// Private keys that sign: enough of the old set's and of the new one's
    #[arg(long, value_name = "KEY", required = true)]
    pub sign: Vec<PathBuf>,
    /// New private keys for key sets
    #[arg(long, value_name = "KEY")]
    pub root: Vec<PathBuf>,
    /// New private keys for bundles
    #[arg(long, value_name = "KEY")]
    pub release: Vec<PathBuf>,
    /// New private keys for permissions
    #[arg(long, value_name = "KEY")]
    pub emergency: Vec<PathBuf>,
    /// Keys to revoke, by their IDs; they leave their roles
    #[arg(long, value_name = "ID")]
    pub revoke: Vec<String>,
    /// How many keys must sign a key set [default: as before]
    #[arg(long, value_name = "N")]
    pub root_threshold: Option<u8>,
    /// How many keys must sign a bundle [default: as before]
    #[arg(long, value_name = "N")]
    pub release_threshold: Option<u8>,
    /// The folder of key sets that N.json and N.signatures.json are written into, for `pack --key-sets`
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `mamoru bundle pack`
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The model, as `mamoru-train pack` wrote it
    pub folder: PathBuf,
    /// Private keys that sign
    #[arg(long, value_name = "KEY", required = true)]
    pub key: Vec<PathBuf>,
    /// One more than that of the last bundle
    #[arg(long, value_name = "N")]
    pub sequence: u64,
    /// Engines that the model may run on
    #[arg(long, value_name = "NAME", default_values = ["tract"])]
    pub engine: Vec<String>,
    /// The first software that it runs on [default: this one]
    #[arg(long, value_name = "VERSION", value_parser = SoftwareVersion::parse)]
    pub software_min: Option<SoftwareVersion>,
    /// The last software that it runs on
    #[arg(long, value_name = "VERSION", value_parser = SoftwareVersion::parse)]
    pub software_max: Option<SoftwareVersion>,
    /// The licence in a sentence [default: as the model says]
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// A folder of key sets that `rotate` wrote, for devices that lack them
    #[arg(long, value_name = "DIR")]
    pub key_sets: Option<PathBuf>,
    /// The bundle to write, for example mamoru-1.mbundle; it must not be there
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
