//! Logs on standard error and the last lines of them in memory, and panics that repeat nothing.

mod recent;

use std::io::IsTerminal as _;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;
pub use recent::{Line, recent};

/// Our crates. Others are not logged at all: nobody knows what of a patient they would say.
pub const TARGETS: [&str; 13] = [
    "mamoru",
    "console",
    "decoding",
    "engine_nvidia",
    "engine_tract",
    "forwarder",
    "inference",
    "queue",
    "receiver",
    "results",
    "scu",
    "secure_transport",
    "updater",
];

/// Starts logging on standard error.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let ours = Targets::new().with_targets(TARGETS.map(|target| (target, level)));
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    // Only the first start counts: a test may have begun already.
    let _ = tracing_subscriber::registry().with(lines).with(recent::Recent).with(ours).try_init();
}

/// Makes panics say where they happened and nothing else: their text may hold a patient's data.
pub fn redact_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(place, "internal fault (panic)");
    }));
}
