//! What goes into a support bundle: texts that were made for it, each of which passes [`redaction::scrub`].
//!
//! Nothing is copied: not a file of the state folder, nor one that the configuration names. Of a log only the lines are taken
//! that this software writes.

mod log;
mod redaction;
pub mod system;

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use updater::{FolderDisk, UpdateError, Updater};

use crate::commands::doctor::Document;
use crate::config::Config;
use crate::control::{Request, Response, ask};
use crate::doctor::{Examination, Options, examine, quarantine};
use crate::installed::{self, care::engines};

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it is, for the README.
    pub about: &'static str,
    /// What it holds.
    pub text: String,
}

impl Member {
    /// A file whose `text` is scrubbed.
    pub fn new(name: &'static str, about: &'static str, text: String) -> Self {
        Self { name, about, text: redaction::scrub(&text) }
    }

    fn json(name: &'static str, about: &'static str, document: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self::new(name, about, serde_json::to_string_pretty(document)? + "\n"))
    }
}

/// What the technician wants in it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The configuration's file.
    pub config_file: Option<&'a Path>,
    /// The file to which the device's standard error goes.
    pub log: Option<&'a Path>,
    /// Call destinations.
    pub connect: bool,
}

/// All files of the archive, the README first. With a configuration that is wrong, as much as can be known without one.
///
/// # Errors
/// When the log cannot be read, or a document cannot be made.
pub fn members(loaded: &anyhow::Result<Config>, wanted: &Wanted<'_>) -> anyhow::Result<Vec<Member>> {
    // First: what was asked for and cannot be had is said at once.
    let log = wanted.log.map(log::own_lines).transpose()?;
    let options = Options { connect: wanted.connect, golden: true };
    let examination = examine(wanted.config_file, loaded, options)?;
    let document = Document::of(examination.verdict(), &examination.findings);
    let mut members = vec![
        Member::json("doctor.json", "what mamoru doctor finds: each check, its verdict, what to do", &document)?,
        Member::json("versions.json", "versions of this software and what it can run a model on", &versions())?,
        Member::json("system.json", "kernel, operating system, processor, memory, temperatures", &system::facts())?,
    ];
    if let Ok(config) = loaded {
        members.extend(of_device(config, &examination)?);
    }
    if let Some(lines) = log {
        members.push(Member::new("log.txt", "the device's own lines of the log that was named", lines));
    }
    members.insert(0, readme(&members));
    Ok(members)
}

/// What only a configuration leads to.
fn of_device(config: &Config, examination: &Examination) -> anyhow::Result<Vec<Member>> {
    let status = match &examination.status {
        Some(status) => serde_json::to_value(status)?,
        None => json!({ "error": "the device does not answer: see doctor.json" }),
    };
    let effective = redacted_settings(config)?;
    Ok(vec![
        Member::new("config.toml", "the configuration that counts, defaults included, without secrets", effective),
        Member::json("status.json", "mamoru status: queue, receiver, destinations, studies as digests", &status)?,
        Member::json("deliveries.json", "mamoru queue --all: results on their way and why not", &deliveries(config))?,
        Member::json("models.json", "installed models, trials, and which were taken back and why", &models(config))?,
        Member::json(
            "quarantine.json",
            "when images were refused and why; not the images, nor their names",
            &quarantine::list(&config.state_dir),
        )?,
        Member::json(
            "disk.json",
            "sizes of the state folder's parts and of its disk",
            &system::disk(&config.state_dir),
        )?,
    ])
}

/// The settings that count, defaults included, without secrets, as TOML.
///
/// # Errors
/// When they cannot be written as TOML.
pub fn redacted_settings(config: &Config) -> anyhow::Result<String> {
    Ok(redaction::scrub(&toml::to_string(&redaction::without_secrets(config.to_table()))?))
}

fn versions() -> Value {
    json!({
        "notice": results::NOTICE,
        "mamoru": env!("CARGO_PKG_VERSION"),
        "contract": contract::CONTRACT_VERSION,
        "engines": engines(),
        "architecture": std::env::consts::ARCH,
    })
}

fn deliveries(config: &Config) -> Value {
    match ask(&config.state_dir, &Request::Deliveries { all: true }) {
        Ok(Response::Deliveries { deliveries }) => json!({ "deliveries": deliveries }),
        Ok(_) => json!({ "error": "the device could not answer" }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn models(config: &Config) -> Value {
    let folder = installed::folder(&config.state_dir);
    if !folder.is_dir() {
        return json!({ "configured": config.model, "installed": null });
    }
    let state = || -> Result<_, UpdateError> { Updater::new(FolderDisk::open(&folder)?).state() };
    match state() {
        Ok(state) => json!({ "configured": config.model, "installed": state }),
        Err(error) => json!({ "configured": config.model, "error": error.to_string() }),
    }
}

fn readme(members: &[Member]) -> Member {
    let mut text = format!(
        "Support bundle of Mamoru {}. {}\n\n\
         It was made by `mamoru support-bundle` for somebody who helps with this device. It holds no patient data: no image, no\n\
         header, no result, no name, no identifier and no UID of a patient's study; studies appear as short digests. It holds no\n\
         password, no token and nothing of a key's file. It does hold addresses and AE titles of the site's network.\n\n",
        env!("CARGO_PKG_VERSION"),
        results::NOTICE
    );
    for member in members {
        text.push_str(&format!("{:<16} {}\n", member.name, member.about));
    }
    if !members.iter().any(|member| member.name == "config.toml") {
        text.push_str(
            "\nThe configuration is wrong (doctor.json says where), so nothing could be asked of the device.\n",
        );
    }
    if !members.iter().any(|member| member.name == "log.txt") {
        text.push_str("\nThere is no log in it: the device logs on standard error. With --log FILE the lines of a file are taken.\n");
    }
    Member::new("README.txt", "this text", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_configuration_costs_only_what_needs_it_and_shows_nothing_of_it() {
        let loaded = crate::config::parse("password = \"hunter2\"").map_err(anyhow::Error::from);
        let members = members(&loaded, &Wanted { config_file: None, log: None, connect: false }).unwrap();
        let names: Vec<_> = members.iter().map(|member| member.name).collect();
        assert_eq!(names, ["README.txt", "doctor.json", "versions.json", "system.json"]);
        assert!(members[0].text.contains("The configuration is wrong") && members[0].text.contains("no log"));
        assert!(!format!("{members:?}").contains("hunter2"));
    }

    #[test]
    fn the_readme_names_every_file() {
        let all = [Member::new("a.json", "about a", "{}".into()), Member::new("log.txt", "about b", String::new())];
        let text = readme(&all).text;
        assert!(text.contains("a.json           about a\nlog.txt          about b\n"), "{text}");
        assert!(!text.contains("no log"), "{text}");
    }
}
