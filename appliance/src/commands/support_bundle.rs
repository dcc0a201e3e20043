//! `mamoru support-bundle`: what a developer wants to know of a device, in one archive without patient data and secrets.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::cli::SupportBundleArgs;
use crate::commands::{print_json, running_config};
use crate::exit_code::Exit;
use crate::support_bundle::{Member, Wanted, members};

/// Writes the archive and says what is in it.
///
/// # Errors
/// When the file is there already or cannot be written.
pub fn run(arguments: &SupportBundleArgs) -> anyhow::Result<Exit> {
    let out = &arguments.out;
    // Before the seconds that everything else takes.
    if fs::symlink_metadata(out).is_ok() {
        return Err(is_there(out));
    }
    let loaded = running_config(&arguments.running);
    let wanted = Wanted {
        config_file: arguments.running.config.as_deref(),
        log: arguments.log.as_deref(),
        connect: arguments.connect,
    };
    let members = members(&loaded, &wanted)?;
    write(out, &members)?;
    let bytes = fs::metadata(out).map_or(0, |metadata| metadata.len());
    if arguments.running.json {
        let names: Vec<_> = members.iter().map(|member| member.name).collect();
        print_json(&json!({ "out": out.display().to_string(), "bytes": bytes, "members": names }))?;
    } else {
        let mut output = std::io::stdout().lock();
        writeln!(
            output,
            "{} is written: {} files, {} KiB, no patient data, no passwords and no keys",
            out.display(),
            members.len(),
            bytes.div_ceil(1024)
        )?;
        writeln!(output, "Its README.txt says what each file holds. Look through it before you give it away.")?;
    }
    Ok(Exit::Success)
}

/// Writes a new file that only its owner may read; nothing is left of one that could not be finished.
fn write(out: &Path, members: &[Member]) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(is_there(out)),
        opened => opened.with_context(|| format!("{} cannot be made: name a folder that is there", out.display()))?,
    };
    let fill = || -> std::io::Result<()> {
        let mut archive = bundle::archive::Writer::new(BufWriter::new(&file));
        for member in members {
            archive.add(&format!("mamoru-support/{}", member.name), member.text.as_bytes())?;
        }
        archive.finish()?.flush()?;
        file.sync_all()
    };
    if let Err(error) = fill() {
        // It was made here, a moment ago.
        let _ = fs::remove_file(out);
        bail!("{} cannot be written: {}; give --out on a disk with room", out.display(), error.kind());
    }
    Ok(())
}

fn is_there(out: &Path) -> anyhow::Error {
    anyhow::anyhow!("{} is there already and is not written over: give another name as --out", out.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nothing_is_written_over_and_the_archive_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a.tar");
        let members = [Member::new("README.txt", "what it is", "hello".into())];
        write(&out, &members).unwrap();
        assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&out).unwrap();
        let mut reader = bundle::archive::Reader::new(&before[..]);
        let member = reader.advance().unwrap().unwrap();
        assert_eq!((member.name.as_str(), member.size), ("mamoru-support/README.txt", 5));
        let error = write(&out, &[]).unwrap_err().to_string();
        assert!(error.contains("not written over"), "{error}");
        let link = folder.path().join("link.tar");
        std::os::unix::fs::symlink(folder.path().join("b.tar"), &link).unwrap();
        assert!(write(&link, &[]).is_err(), "a link is not followed");
        assert_eq!((fs::read(&out).unwrap(), folder.path().join("b.tar").exists()), (before, false));
        let impossible = [Member::new("not possible", "a name with a space", String::new())];
        let third = folder.path().join("c.tar");
        assert!(write(&third, &impossible).is_err() && !third.exists(), "nothing is left");
    }
}
