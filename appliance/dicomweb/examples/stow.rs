//! Stores DICOM files by STOW-RS and prints how each ended, to be held against other software:
//! `stow URL CA_FILE|- AUTHORIZATION_FILE|- FILE...`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dicomweb::{WebClient, WebConfig, WebTimeouts};
use domain::Sop;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("usage: stow URL CA_FILE|- AUTHORIZATION_FILE|- FILE...");
    let url = word()?;
    let file = |word: String| (word != "-").then(|| PathBuf::from(word));
    let (ca_file, authorization_file) = (file(word()?), file(word()?));
    let client = WebClient::new(&WebConfig { url, ca_file, authorization_file, timeouts: WebTimeouts::default() })?;
    let mut out = std::io::stdout();
    writeln!(out, "check: {:?}", client.check())?;
    for path in words {
        let path = Path::new(&path);
        writeln!(out, "{:?}", client.store(path, &names(path)?))?;
    }
    Ok(())
}

/// The names of the object in a Part 10 file.
fn names(path: &Path) -> Result<Sop, Box<dyn std::error::Error>> {
    let mut file = std::fs::File::open(path)?;
    let meta = dataset::read_file_meta(&mut file)?;
    let found = dataset::scan(&mut file, &meta.transfer_syntax, &dataset::ScanLimits::default())?;
    Ok(Sop { class: found.sop_class, instance: found.sop_instance })
}
