//! Help beyond `--help` on the command line.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `mamoru completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell; for bash: mamoru completions bash > /etc/bash_completion.d/mamoru
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `mamoru manual`
#[derive(Debug, Args)]
pub struct ManualArgs {
    /// The folder for the pages, for example /usr/local/share/man/man1; it is made
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
