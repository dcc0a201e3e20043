//! What a technician asks for on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{EngineArgs, RunningArgs};

/// `mamoru status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
}

/// `mamoru queue`
#[derive(Debug, Args)]
pub struct QueueArgs {
    /// What to do; without it, list what is on its way
    #[command(subcommand)]
    pub command: Option<QueueCommand>,
    /// Also list what is delivered
    #[arg(long)]
    pub all: bool,
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
}

/// `mamoru queue ...`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Try results again now: the one with ID, or all that are parked
    Retry {
        /// The id that `mamoru queue` shows
        id: Option<String>,
    },
}

/// `mamoru doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
    /// Also call each destination (C-ECHO, or a connection), 5 s at most
    #[arg(long)]
    pub connect: bool,
}

/// `mamoru selftest`
#[derive(Debug, Args)]
pub struct SelftestArgs {
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
    /// Expect from now on what the running device's engine gives: after a change of processor, driver or GPU
    #[arg(long)]
    pub accept: bool,
    /// Which engine for the whole path; the running device tests its own
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `mamoru support-bundle`
#[derive(Debug, Args)]
pub struct SupportBundleArgs {
    /// Which device
    #[command(flatten)]
    pub running: RunningArgs,
    /// The archive to write (tar); a file that is there is never written over
    #[arg(long, value_name = "FILE.tar")]
    pub out: PathBuf,
    /// Also take the device's own lines of FILE, to which its standard error goes: the last 4 MiB
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Also call each destination (C-ECHO, or a connection), 5 s at most
    #[arg(long)]
    pub connect: bool,
}
