//! Markdown tables.

use std::fmt::Write as _;

/// A table with the column names `head`.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(N));
    for row in rows {
        // A cell's own bars would be columns.
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        // Writing into a String does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// As code.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The stable name of a value, as JSON reports and configurations have it.
pub(super) fn name(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    code(value.as_str().unwrap_or("not named"))
}
