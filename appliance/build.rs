//! Compiles the model of `models/bundles/default` into `mamoru`, when it is there; without it the untrained model is the
//! default. Dropping the folder in is all that is needed: the next build takes it.
//!
//! Also gives `mamoru` the time of its build, which no right clock is before: SOURCE_DATE_EPOCH where builds are to be the same.

// The way in which a build script talks to cargo.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

/// What is compiled in, with the fields of `model::Embedded`.
const FILES: [(&str, &str); 3] =
    [("manifest", "manifest.json"), ("network", "network.onnx"), ("golden", "golden.json")];

fn main() -> Result<(), String> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"));
    let bundles = variable("CARGO_MANIFEST_DIR")?.join("../models/bundles");
    // The folder above: a folder that is not there would be looked for, and `mamoru` built, every time.
    println!("cargo::rerun-if-changed={}", bundles.display());
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rustc-env=MAMORU_BUILT_AT_SECONDS={}", built_at());
    let generated = variable("OUT_DIR")?.join("default_model.rs");
    fs::write(&generated, source(&bundles.join("default"))?)
        .map_err(|error| format!("{}: {error}", generated.display()))
}

/// Seconds since 1970.
fn built_at() -> u64 {
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The constant that `model.rs` includes.
fn source(bundle: &Path) -> Result<String, String> {
    if !bundle.exists() {
        return Ok("const DEFAULT_MODEL: Option<Embedded> = None;\n".into());
    }
    let bundle = bundle.canonicalize().map_err(|error| format!("{}: {error}", bundle.display()))?;
    let mut fields = String::new();
    for (field, name) in FILES {
        let file = bundle.join(name);
        if !file.is_file() {
            return Err(format!("models/bundles/default is not whole: {name} is missing"));
        }
        fields.push_str(&format!("{field}: include_bytes!({file:?}), "));
    }
    Ok(format!("const DEFAULT_MODEL: Option<Embedded> = Some(Embedded {{ {fields}}});\n"))
}
