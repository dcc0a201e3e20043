//! `mamoru config`: the commented default, and what is wrong in a file.

use std::io::Write as _;

use forwarder::{Carrier, DestinationConfig};
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
            let loaded = Config::load(Some(file)).and_then(|config| Ok(check_files(&config)?));
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

/// Reads the files that the configuration names: the model, and what receiver and destinations need for TLS.
fn check_files(config: &Config) -> Result<(), ConfigErrors> {
    let mut errors = open_model(config).err().map(|errors| errors.0).unwrap_or_default();
    errors.extend(config.receiver.check_files().err().map(|fault| format!("receiver.tls: {fault}")));
    // A title that is none was reported when the configuration was read.
    if let Ok(own_ae) = config.ae_title() {
        let wrong = |destination: &DestinationConfig| {
            let why = Carrier::new(destination, &own_ae).and_then(|carrier| carrier.check_files()).err()?;
            Some(format!("destination {}: {why}", destination.name))
        };
        errors.extend(config.destinations.iter().filter_map(wrong));
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

/// The configured model, with what the configuration wants of it. Its files are read; its network is run only when it is made
/// ready.
///
/// # Errors
/// [`ConfigErrors`].
pub(crate) fn open_model(config: &Config) -> Result<Model, ConfigErrors> {
    let model = Model::open(&config.model).map_err(|error| ConfigErrors(vec![format!("model: {error}")]))?;
    let checked = model.check_operating_point(config.results.operating_point);
    checked.map_err(|error| ConfigErrors(vec![format!("results.operating_point: {error}")]))?;
    Ok(model)
}
