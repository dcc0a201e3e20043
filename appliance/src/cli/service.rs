//! What a technician asks for on the command line.

use std::path::PathBuf;

use clap::Args;

use super::RunningArgs;

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
