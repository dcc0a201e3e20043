//! Users of the page on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::RunningArgs;

/// `mamoru console`
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConsoleCommand,
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
}

/// `mamoru console ...`
#[derive(Debug, Subcommand)]
pub enum ConsoleCommand {
    /// Add a user, or give one another role and password; without --password-file a password is made and shown once
    User {
        /// 1 to 32 of a to z, 0 to 9, dot, dash, underscore
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = RoleChoice::Technician)]
        role: RoleChoice,
        /// The password is the first line of FILE; - is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove a user, whose sessions end at once
    Remove {
        /// The user
        name: String,
    },
    /// Show all users and their roles
    Users,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleChoice {
    /// Sees and does everything
    Technician,
    /// Sees everything
    Viewer,
}
