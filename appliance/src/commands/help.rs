//! `mamoru completions` and `mamoru manual`: help made from the command line itself, so that it cannot say something else.

use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs, ManualArgs};
use crate::exit_code::Exit;

/// Prints the script for one shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(arguments: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "mamoru", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Success)
}

/// Writes `mamoru.1`, `mamoru-serve.1` and so on.
///
/// # Errors
/// When the folder cannot be made or a page not be written.
pub fn manual(arguments: &ManualArgs) -> anyhow::Result<Exit> {
    let shown = || arguments.out.display().to_string();
    fs::create_dir_all(&arguments.out).with_context(shown)?;
    clap_mangen::generate_to(Cli::command(), &arguments.out).with_context(shown)?;
    let pages = fs::read_dir(&arguments.out).with_context(shown)?.count();
    writeln!(std::io::stdout(), "{pages} pages in {}", shown())?;
    Ok(Exit::Success)
}
