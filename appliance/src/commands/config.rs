//! `mamoru config`: the commented default, and what is wrong in a file.

use std::io::Write as _;

use forwarder::Carrier;
use serde_json::json;

use crate::cli::{ConfigArgs, ConfigCommand};
use crate::commands::print_json;
use crate::config::{Config, ConfigErrors, DEFAULT_TOML};
use crate::exit_code::Exit;
use crate::model::Model;

/// Prints the default, or checks a file.
///
/// # Errors
/// When the file cannot be read or holds errors.
pub fn run(arguments: &ConfigArgs) -> anyhow::Result<Exit> {
    match &arguments.command {
        ConfigCommand::Default => std::io::stdout().write_all(DEFAULT_TOML.as_bytes())?,
        ConfigCommand::Check { file, json } => {
            let loaded = Config::load(Some(file)).and_then(|config| check_files(&config));
            if *json {
                let errors = match &loaded {
                    Ok(_) => Vec::new(),
                    Err(error) => error
                        .downcast_ref::<ConfigErrors>()
                        .map_or_else(|| vec![format!("{error:#}")], |all| all.0.clone()),
                };
                print_json(&json!({ "valid": errors.is_empty(), "errors": errors }))?;
                return Ok(if errors.is_empty() { Exit::Success } else { Exit::Config });
            }
            loaded?;
            writeln!(std::io::stdout(), "{} is valid", file.display())?;
        }
    }
    Ok(Exit::Success)
}

/// Reads the files that the configuration names: the model, whose network is run only when the device starts, and what
/// destinations need.
fn check_files(config: &Config) -> anyhow::Result<()> {
    let mut errors = Vec::new();
    if let Err(error) = Model::open(&config.model) {
        errors.push(format!("model: {error}"));
    }
    let own_ae = config.ae_title()?;
    for destination in &config.destinations {
        if let Err(why) = Carrier::new(destination, &own_ae) {
            errors.push(format!("destination {}: {why}", destination.name));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors).into()) }
}
