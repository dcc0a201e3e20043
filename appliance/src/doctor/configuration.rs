//! Is the configuration one?

use std::path::Path;

use super::Finding;
use crate::config::{Config, ConfigErrors};

/// The name of this check.
pub const CHECK: &str = "config";
/// Places that are named at most, and the characters of each.
const PLACES_MAX: usize = 10;
const PLACE_CHARACTERS_MAX: usize = 60;

/// Says where a configuration is wrong, but not what stands there: that may be a secret.
pub fn check(file: Option<&Path>, loaded: &anyhow::Result<Config>) -> Finding {
    let error = match (loaded, file) {
        (Ok(_), Some(file)) => return Finding::ok(CHECK, format!("{} is valid", file.display())),
        (Ok(_), None) => return Finding::ok(CHECK, "no file is named: the embedded default counts"),
        (Err(error), _) => error,
    };
    let named = file.map_or_else(|| "FILE".into(), |file| file.display().to_string());
    let found = match error.downcast_ref::<ConfigErrors>() {
        Some(errors) => format!("{} wrong: {}", errors.0.len(), places(errors)),
        None => first_line(&format!("{error:#}")),
    };
    Finding::failed(CHECK, found, format!("mamoru config check {named} says what is wrong; mend it there"))
}

/// The keys at fault.
fn places(errors: &ConfigErrors) -> String {
    let place = |error: &String| {
        let line = first_line(error);
        let place =
            if line.starts_with("not TOML") { line.as_str() } else { line.split(": ").next().unwrap_or_default() };
        place.chars().take(PLACE_CHARACTERS_MAX).collect::<String>()
    };
    errors.0.iter().take(PLACES_MAX).map(place).collect::<Vec<_>>().join("; ")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::doctor::Verdict;

    #[test]
    fn what_is_wrong_is_named_and_what_stands_there_is_not() {
        for (text, place) in [
            ("password = \"hunter2\"", "1 wrong: password"),
            ("[receiver]\nidle_timeout_ms = \"hunter2\"", "1 wrong: receiver.idle_timeout_ms"),
            ("password = hunter2", "not TOML: TOML parse error at line 1"),
            (
                "[[destinations]]\nname = \"pacs\"\nstow = { url = \"https://a:hunter2@b\" }",
                "1 wrong: destination pacs",
            ),
        ] {
            let loaded = parse(text).map_err(anyhow::Error::from);
            let finding = check(Some(Path::new("mamoru.toml")), &loaded);
            assert_eq!(finding.verdict, Verdict::Failed, "{text}");
            assert!(finding.found.contains(place) && !format!("{finding:?}").contains("hunter2"), "{finding:?}");
            assert!(finding.next.unwrap().starts_with("mamoru config check mamoru.toml"));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_a_failure() {
        let file = Path::new("no-such-file.toml");
        let finding = check(Some(file), &Config::load(Some(file)));
        assert!(finding.verdict == Verdict::Failed && finding.found.contains("cannot be read"), "{finding:?}");
        assert_eq!(check(None, &Ok(Config::default())).verdict, Verdict::Ok);
    }
}
