//! The machine, as facts of the kernel. The host's name is not among them.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Longest text that is taken of one file, in characters.
const CHARACTERS_MAX: usize = 200;
/// Entries of a folder that are counted.
const ENTRIES_MAX: usize = 200_000;

/// Kernel, operating system, processor, memory and temperatures; what this machine does not say is null.
pub fn facts() -> Value {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    json!({
        "kernel": line("/proc/sys/kernel/osrelease"),
        "kernel_build": line("/proc/sys/kernel/version"),
        "os": value(&os, "PRETTY_NAME=").map(|name| name.trim_matches('"').to_owned()),
        "architecture": std::env::consts::ARCH,
        "board": line("/proc/device-tree/model"),
        "jetson": line("/etc/nv_tegra_release"),
        "processor": value(&cpuinfo, "model name"),
        "processors": std::thread::available_parallelism().ok(),
        "memory": value(&meminfo, "MemTotal:"),
        "memory_available": value(&meminfo, "MemAvailable:"),
        "load": line("/proc/loadavg"),
        "uptime_seconds": line("/proc/uptime").and_then(|text| text.split(' ').next()?.parse::<f64>().ok()),
        "temperatures": temperatures().into_iter().map(|(zone, degrees)| (zone, json!(degrees))).collect::<Map<_, _>>(),
        "nvidia_driver": line("/proc/driver/nvidia/version"),
    })
}

/// How many files and bytes each part of the state folder has, and how full its disk is.
pub fn disk(state_dir: &Path) -> Value {
    let parts = ["", "spool", "spool/incoming", "quarantine", "heatmaps", "results", "queue", "models", "engine"];
    let parts: Map<String, Value> = parts
        .into_iter()
        .filter(|name| state_dir.join(name).is_dir())
        .map(|name| (if name.is_empty() { "." } else { name }.to_owned(), size(&state_dir.join(name))))
        .collect();
    let disk = rustix::fs::statvfs(state_dir).ok();
    json!({
        "parts": parts,
        "free_bytes": disk.as_ref().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        "total_bytes": disk.as_ref().map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize)),
        "free_inodes": disk.as_ref().map(|disk| disk.f_favail),
    })
}

/// Files directly in a folder.
fn size(folder: &Path) -> Value {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let sizes = entries.filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file)).map(|file| file.len());
    let (files, bytes) = sizes.fold((0_u64, 0_u64), |(files, bytes), size| (files + 1, bytes.saturating_add(size)));
    json!({ "files": files, "bytes": bytes })
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim_matches(['\0', ' ']);
    Some(line.chars().take(CHARACTERS_MAX).collect())
}

/// What stands behind `key` and an optional colon.
fn value(text: &str, key: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(rest.trim_start_matches(['\t', ' ', ':']).chars().take(CHARACTERS_MAX).collect())
}

/// In degrees Celsius, by zone; zones of one name are told apart by a number.
pub fn temperatures() -> Vec<(String, f64)> {
    let zones = fs::read_dir("/sys/class/thermal").into_iter().flatten().flatten().map(|entry| entry.path());
    let read = |zone: &Path, name: &str| line(&zone.join(name).to_string_lossy());
    let of_zone = |zone: std::path::PathBuf| {
        let thousandths: f64 = read(&zone, "temp")?.parse().ok()?;
        Some((read(&zone, "type")?, thousandths / 1000.0))
    };
    let mut found: Vec<(String, f64)> = zones.filter_map(of_zone).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for index in 1..found.len() {
        if found[index - 1].0 == found[index].0 {
            found[index].0.push_str(&format!(" {}", index + 1));
        }
    }
    found
}

/// Memory that programs can have now, and all of it, in bytes.
pub fn memory_bytes() -> Option<(u64, u64)> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |key: &str| value(&meminfo, key)?.strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024);
    Some((bytes("MemAvailable:")?, bytes("MemTotal:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_and_not_named() {
        let facts = facts();
        assert!(facts["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty()), "{facts}");
        assert!(facts["memory"].as_str().unwrap().ends_with("kB") && facts["processors"].as_u64() > Some(0), "{facts}");
        assert_eq!(value("a\nmodel name\t: X Y\n", "model name").as_deref(), Some("X Y"));
    }

    #[test]
    fn files_are_counted_and_not_named() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("spool")).unwrap();
        fs::write(state.path().join("spool/ZZMARKER.dcm"), [0; 10]).unwrap();
        let disk = disk(state.path());
        assert_eq!(disk["parts"]["spool"], json!({ "files": 1, "bytes": 10 }));
        assert!(disk["free_bytes"].as_u64() > Some(0) && !disk.to_string().contains("ZZMARKER"), "{disk}");
    }
}
