//! Reads a configuration and reports everything that is wrong in it at once.
//!
//! Each key is tried alone in an otherwise default section: what fails then is this key's own fault. So every section
//! gives one error per wrong key, by the serde form of its type alone.

use std::fmt;
use std::path::PathBuf;

use dicomweb::{WebConfig, WebTimeouts};
use domain::{AeTitle, DestinationName, ResultKind};
use forwarder::{DestinationConfig, Profile};
use secure_transport::RequestorFiles;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Config, EngineConfig};

/// The longest path of a Unix socket, with its end (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Destinations at most.
const DESTINATIONS_MAX: usize = 32;

/// Everything that is wrong in a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the configuration has {} error(s):", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(formatter, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Parses a configuration.
///
/// # Errors
/// [`ConfigErrors`] with every error that was found.
pub fn parse(text: &str) -> Result<Config, ConfigErrors> {
    let mut table: Table = text.parse().map_err(|error| ConfigErrors(vec![format!("not TOML: {error}")]))?;
    let mut errors = Vec::new();
    let defaults = Config::default();
    let mut config = Config {
        state_dir: scalar(&mut table, "state_dir", defaults.state_dir, &mut errors),
        log: scalar(&mut table, "log", defaults.log, &mut errors),
        model: scalar(&mut table, "model", defaults.model, &mut errors),
        receiver: section(&mut table, "receiver", &mut errors),
        decoding: section(&mut table, "decoding", &mut errors),
        eligibility: section(&mut table, "eligibility", &mut errors),
        assembly: section(&mut table, "assembly", &mut errors),
        engine: engine(&mut table, &mut errors),
        updates: section(&mut table, "updates", &mut errors),
        console: section(&mut table, "console", &mut errors),
        results: section(&mut table, "results", &mut errors),
        retention: section(&mut table, "retention", &mut errors),
        destinations: Vec::new(),
    };
    config.destinations = match table.remove("destinations") {
        Some(value) => destinations(value, &mut errors),
        None => {
            let in_state = config.state_dir.join("reports");
            let default = defaults.destinations.into_iter();
            default.map(|reports| DestinationConfig { folder: Some(in_state.clone()), ..reports }).collect()
        }
    };
    errors.extend(table.keys().map(|key| format!("{key}: unknown key")));
    check_meaning(&config, &mut errors);
    if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
}

fn scalar<T: DeserializeOwned>(table: &mut Table, key: &str, default: T, errors: &mut Vec<String>) -> T {
    let Some(value) = table.remove(key) else { return default };
    value.try_into().unwrap_or_else(|error: toml::de::Error| {
        errors.push(format!("{key}: {}", error.message()));
        default
    })
}

/// Takes the section `engine`, and the one inside it, out of `table`.
fn engine(table: &mut Table, errors: &mut Vec<String>) -> EngineConfig {
    let inner = table.get_mut("engine").and_then(Value::as_table_mut).and_then(|engine| engine.remove("nvidia"));
    let nvidia = given(inner, "engine.nvidia", errors);
    EngineConfig { nvidia, ..section(table, "engine", errors) }
}

/// Takes the section `name` out of `table`.
fn section<T: DeserializeOwned + Serialize + Default>(table: &mut Table, name: &str, errors: &mut Vec<String>) -> T {
    given(table.remove(name), name, errors)
}

/// What was given of the section `name`, over its default.
fn given<T: DeserializeOwned + Serialize + Default>(section: Option<Value>, name: &str, errors: &mut Vec<String>) -> T {
    match section {
        None => T::default(),
        Some(Value::Table(given)) => overlay(given, name, errors),
        Some(_) => {
            errors.push(format!("{name}: must be a section, [{name}]"));
            T::default()
        }
    }
}

/// The default with the keys of `given` over it; keys that do not fit are reported and left out.
fn overlay<T: DeserializeOwned + Serialize + Default>(given: Table, name: &str, errors: &mut Vec<String>) -> T {
    let Ok(mut table) = Table::try_from(T::default()) else { return T::default() };
    for (key, value) in given {
        let mut tried = table.clone();
        tried.insert(key.clone(), value);
        match tried.clone().try_into::<T>() {
            Ok(_) => table = tried,
            Err(error) if error.message().starts_with(&format!("unknown field `{key}`")) => {
                errors.push(format!("{name}.{key}: unknown key"));
            }
            Err(error) => errors.push(format!("{name}.{key}: {}", error.message())),
        }
    }
    table.try_into().unwrap_or_default()
}

fn destinations(value: Value, errors: &mut Vec<String>) -> Vec<DestinationConfig> {
    let Value::Array(items) = value else {
        errors.push("destinations: must be written [[destinations]]".into());
        return Vec::new();
    };
    if items.len() > DESTINATIONS_MAX {
        errors.push(format!("destinations: more than {DESTINATIONS_MAX}"));
    }
    let one = |(index, item)| destination(index, item, errors);
    items.into_iter().enumerate().filter_map(one).collect()
}

fn destination(index: usize, item: Value, errors: &mut Vec<String>) -> Option<DestinationConfig> {
    let number = index + 1;
    let Value::Table(given) = item else {
        errors.push(format!("destinations[{number}]: must be a table"));
        return None;
    };
    let before = errors.len();
    let name = given.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let label = if name.is_empty() { format!("destinations[{number}]") } else { format!("destination {name}") };
    let known = known_keys()?;
    for key in given.keys().filter(|key| !known.contains_key(*key)) {
        errors.push(format!("{label}.{key}: unknown key"));
    }
    // A key is at fault when the example that holds every key does not take it.
    for (key, value) in given.iter().filter(|(key, _)| known.contains_key(*key)) {
        let mut tried = known.clone();
        tried.insert(key.clone(), value.clone());
        if let Err(error) = tried.try_into::<DestinationConfig>() {
            errors.push(format!("{label}.{key}: {}", error.message()));
        }
    }
    if errors.len() > before {
        return None;
    }
    given.try_into().map_err(|error: toml::de::Error| errors.push(format!("{label}: {}", error.message()))).ok()
}

/// A destination that has a value for every key there is.
fn known_keys() -> Option<Table> {
    let title = AeTitle::parse("PACS").ok();
    let web = WebConfig {
        url: "https://localhost".into(),
        ca_file: Some(PathBuf::from("ca.pem")),
        authorization_file: Some(PathBuf::from("token")),
        timeouts: WebTimeouts::default(),
    };
    let example = DestinationConfig {
        address: Some("localhost:104".into()),
        called_ae: title.clone(),
        calling_ae: title,
        tls: Some(RequestorFiles { ca: "ca.pem".into(), certificate: None, key: None, server_name: None }),
        stow: Some(web.clone()),
        post: Some(web),
        folder: Some(PathBuf::from("results")),
        objects: Some(Profile::of(&[ResultKind::Summary])),
        ..DestinationConfig::named(DestinationName::parse("pacs").ok()?)
    };
    Table::try_from(&example).ok()
}

/// What no single key's form can say.
fn check_meaning(config: &Config, errors: &mut Vec<String>) {
    let own_ae = config.ae_title();
    match &own_ae {
        Err(error) => errors.push(format!("receiver.ae_title: {error}")),
        Ok(own_ae) => {
            for destination in &config.destinations {
                if let Err(why) = destination.kind(own_ae) {
                    errors.push(format!("destination {}: {why}", destination.name));
                }
            }
        }
    }
    for (index, destination) in config.destinations.iter().enumerate() {
        if config.destinations[..index].iter().any(|earlier| earlier.name == destination.name) {
            errors.push(format!("destination {}: the name is used twice", destination.name));
        }
    }
    let positive = [
        ("receiver.associations_max", config.receiver.associations_max as u64),
        ("receiver.instance_bytes_max", config.receiver.instance_bytes_max),
        ("receiver.artim_timeout_ms", config.receiver.artim_timeout_ms),
        ("receiver.idle_timeout_ms", config.receiver.idle_timeout_ms),
        ("receiver.instance_timeout_ms", config.receiver.instance_timeout_ms),
        ("decoding.memory_bytes_max", config.decoding.memory_bytes_max),
        ("decoding.cpu_seconds_max", config.decoding.cpu_seconds_max),
        ("decoding.wall_seconds_max", config.decoding.wall_seconds_max),
        ("assembly.longest_ms", config.assembly.longest_ms),
        ("engine.nvidia.workspace_bytes", config.engine.nvidia.workspace_bytes),
        ("engine.nvidia.answer_wait_ms", config.engine.nvidia.answer_wait_ms),
    ];
    errors.extend(positive.iter().filter(|(_, value)| *value == 0).map(|(key, _)| format!("{key}: must not be 0")));
    errors.extend(config.receiver.faults());
    if config.receiver.pdu_bytes_max < 4_096 {
        errors.push("receiver.pdu_bytes_max: must be at least 4096".into());
    }
    if config.retention.results_hours < config.retention.images_hours {
        errors.push("retention.results_hours: must not be less than images_hours".into());
    }
    let socket = queue::StateDir::control_socket_of(&config.state_dir);
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        errors.push(format!("state_dir: too long, the control socket's path may have {SOCKET_PATH_BYTES_MAX} bytes"));
    }
}

#[cfg(test)]
mod tests;
