//! One table of settings over another, and `table.key=value`.

use super::setting;
use crate::error::Result;

/// Values of `other` take the place of those in `table`, table by table.
pub(super) fn merge(table: &mut toml::Table, other: toml::Table) {
    for (key, value) in other {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

pub(super) fn set(table: &mut toml::Table, text: &str) -> Result<()> {
    let wrong = || setting("--set", &format!("{text:?} is not table.key=value"));
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.into()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().filter(|last| !last.is_empty()).ok_or_else(wrong)?;
    let mut place = table;
    for part in parts {
        let next = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = next.as_table_mut().ok_or_else(wrong)?;
    }
    place.insert(last.into(), value);
    Ok(())
}
