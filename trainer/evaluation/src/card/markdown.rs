//! A page of Markdown, put together from plain text.

/// A page under construction.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self(format!("# {}\n", escaped(title)))
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.block(&format!("## {}", escaped(text)));
    }

    pub(super) fn subheading(&mut self, text: &str) {
        self.block(&format!("### {}", escaped(text)));
    }

    pub(super) fn strong(&mut self, text: &str) {
        self.block(&format!("**{}**", escaped(text)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.block(&escaped(text));
        }
    }

    /// Nothing, for no items.
    pub(super) fn list(&mut self, lead: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.paragraph(lead);
        let lines: Vec<String> = items.iter().map(|item| format!("- {}", escaped(item))).collect();
        self.block(&lines.join("\n"));
    }

    /// Nothing, for no rows.
    pub(super) fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return;
        }
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let mut lines =
            vec![line(head.iter().map(|cell| escaped(cell)).collect()), line(vec!["---".into(); head.len()])];
        lines.extend(rows.iter().map(|cells| line(cells.iter().map(|cell| escaped(cell)).collect())));
        self.block(&lines.join("\n"));
    }

    /// In angle brackets a path may have spaces.
    pub(super) fn picture(&mut self, title: &str, path: &str) {
        let path: String = path.chars().filter(|character| !matches!(character, '<' | '>' | '\n' | '\r')).collect();
        self.block(&format!("![{}](<{path}>)", escaped(title)));
    }

    fn block(&mut self, text: &str) {
        self.0.push('\n');
        self.0.push_str(text);
        self.0.push('\n');
    }
}

/// Text on one line in which nothing is Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => escaped.extend(['\\', character]),
            '&' => escaped.push_str("&amp;"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("a|b\n<i> *x* &"), "a\\|b \\<i\\> \\*x\\* &amp;");
        let mut page = Page::new("t");
        page.list("none", &[]);
        page.table(&["a"], vec![]);
        page.paragraph("");
        assert_eq!(page.finish(), "# t\n");
    }
}
