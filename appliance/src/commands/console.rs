//! `mamoru console`: who may use the page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use console::{Role, new_password, remove_user, set_user, user_roles};
use serde_json::json;

use crate::cli::{ConsoleArgs, ConsoleCommand, RoleChoice};
use crate::commands::{print_json, running_config};
use crate::exit_code::Exit;

/// The longest password file that is read, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Where the console keeps what is its own, below a state folder.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("console")
}

/// Does what is asked; a running device takes it at once.
///
/// # Errors
/// When a name or password is not one, or a file cannot be read or written.
pub fn run(arguments: &ConsoleArgs) -> anyhow::Result<Exit> {
    let folder = folder(&running_config(&arguments.running)?.state_dir);
    let is_json = arguments.running.json;
    match &arguments.command {
        ConsoleCommand::User { name, role, password_file } => {
            let (password, made) = match password_file {
                Some(file) => (read_password(file)?, None),
                None => new_password().map(|password| (password.clone(), Some(password)))?,
            };
            let role = match role {
                RoleChoice::Technician => Role::Technician,
                RoleChoice::Viewer => Role::Viewer,
            };
            set_user(&folder, name, role, &password)?;
            if is_json {
                print_json(&json!({ "user": name, "role": role, "password": made }))?;
            } else {
                let mut output = std::io::stdout().lock();
                writeln!(output, "{name} may sign in as {}", word(role))?;
                if let Some(password) = made {
                    writeln!(output, "password, shown this once: {password}")?;
                }
            }
        }
        ConsoleCommand::Remove { name } => {
            remove_user(&folder, name)?;
            if is_json {
                print_json(&json!({ "removed": name }))?
            } else {
                writeln!(std::io::stdout(), "{name} is removed")?
            }
        }
        ConsoleCommand::Users => {
            let users = user_roles(&folder)?;
            if is_json {
                let list: Vec<_> = users.iter().map(|(user, role)| json!({ "user": user, "role": role })).collect();
                print_json(&json!({ "users": list }))?;
            } else if users.is_empty() {
                writeln!(std::io::stdout(), "nobody may sign in yet: mamoru console user NAME")?;
            } else {
                let mut output = std::io::stdout().lock();
                users.iter().try_for_each(|(user, role)| writeln!(output, "{user:<32}  {}", word(*role)))?;
            }
        }
    }
    Ok(Exit::Success)
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::Technician => "technician",
        Role::Viewer => "viewer",
    }
}

/// The first line of a file, or of standard input.
fn read_password(file: &Path) -> anyhow::Result<String> {
    let mut line = String::new();
    if file == Path::new("-") {
        BufReader::new(std::io::stdin().lock().take(PASSWORD_BYTES_MAX)).read_line(&mut line)?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| file.display().to_string())?;
        let read = BufReader::new(opened.take(PASSWORD_BYTES_MAX)).read_line(&mut line);
        // What is in the file is not repeated.
        read.map_err(|error| anyhow::anyhow!("{}: {}", file.display(), error.kind()))?;
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("{} holds no password in its first line", file.display());
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "a long one \r\nmore\n").unwrap();
        assert_eq!(read_password(&file).unwrap(), "a long one ");
        for (bytes, why) in [(&b"\n"[..], "no password"), (&b"\xff\xfe"[..], "invalid data")] {
            std::fs::write(&file, bytes).unwrap();
            let error = format!("{:#}", read_password(&file).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
        assert!(read_password(&folder.path().join("none")).is_err());
    }
}
