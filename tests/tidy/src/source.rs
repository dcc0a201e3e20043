//! Rust source as lines of code: without comments, and with string and character literals emptied.

/// Where the reader of [`code`] stands between two characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    /// Block comments nest.
    BlockComment(u32),
    /// In a string that may have escapes.
    Text,
    /// In a raw string that ends with so many `#`.
    RawText(usize),
}

/// The lines of `text` without comments and without what literals hold. As many lines as `text` has.
#[must_use]
pub fn code(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut lines = vec![String::new()];
    let mut state = State::Code;
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let rest = &characters[at..];
        let (taken, next) = step(state, rest);
        if state == State::Code && next != State::LineComment && !matches!(next, State::BlockComment(_)) {
            // Of a literal only its borders stay.
            let kept = if taken > 1 { "''" } else { &character.to_string() };
            lines.last_mut().into_iter().for_each(|line| line.push_str(kept.trim_end_matches('\n')));
        }
        for _ in rest.iter().take(taken).filter(|&&character| character == '\n') {
            lines.push(String::new());
        }
        state = next;
        at += taken;
    }
    lines
}

/// How many characters to take, and the state after them.
fn step(state: State, rest: &[char]) -> (usize, State) {
    let starts = |text: &str| text.chars().eq(rest.iter().copied().take(text.len()));
    match state {
        State::Code if starts("//") => (2, State::LineComment),
        State::Code if starts("/*") => (2, State::BlockComment(1)),
        State::Code if starts("\"") => (1, State::Text),
        State::Code if starts("r\"") || starts("r#") => raw_text(rest),
        State::Code if starts("'") => (character_literal(rest), State::Code),
        State::LineComment if starts("\n") => (1, State::Code),
        State::BlockComment(1) if starts("*/") => (2, State::Code),
        State::BlockComment(depth) if starts("*/") => (2, State::BlockComment(depth - 1)),
        State::BlockComment(depth) if starts("/*") => (2, State::BlockComment(depth + 1)),
        State::Text if starts("\\") => (2, State::Text),
        State::Text if starts("\"") => (1, State::Code),
        State::RawText(marks)
            if starts("\"") && rest.iter().skip(1).take_while(|&&mark| mark == '#').count() >= marks =>
        {
            (1 + marks, State::Code)
        }
        _ => (1, state),
    }
}

/// A raw string begins, unless it is a raw identifier.
fn raw_text(rest: &[char]) -> (usize, State) {
    let marks = rest.iter().skip(1).take_while(|&&mark| mark == '#').count();
    match rest.get(1 + marks) {
        Some('"') => (2 + marks, State::RawText(marks)),
        _ => (1, State::Code),
    }
}

/// Length of the character literal at the start of `rest`; 1 for a lifetime.
fn character_literal(rest: &[char]) -> usize {
    if rest.get(1) == Some(&'\\') {
        return rest.iter().skip(3).position(|&character| character == '\'').map_or(1, |end| end + 4);
    }
    if rest.get(2) == Some(&'\'') { 3 } else { 1 }
}

/// The identifiers and keywords of a line of code.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !(character.is_alphanumeric() || character == '_')).filter(|word| !word.is_empty())
}

/// A function: its name, its first line from 1 on and the number of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name.
    pub name: String,
    /// First line, counted from 1.
    pub line: usize,
    /// From `fn` to the closing brace.
    pub lines: usize,
}

/// The functions with a body in lines of [`code`], also those inside others.
#[must_use]
pub fn functions(code: &[String]) -> Vec<Function> {
    let mut functions = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let mut words = words(line).skip_while(|&word| word != "fn").skip(1);
        let Some(name) = words.next().filter(|name| line.contains(&format!("fn {name}"))) else { continue };
        if let Some(lines) = body_lines(&code[index..]) {
            functions.push(Function { name: name.into(), line: index + 1, lines });
        }
    }
    functions
}

/// Lines until the first brace that opens is closed again; `None` when there is no body.
fn body_lines(code: &[String]) -> Option<usize> {
    let mut depth = 0_i32;
    let mut opened = false;
    for (index, line) in code.iter().enumerate() {
        for character in line.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            opened |= character == '{';
        }
        if depth < 0 || (!opened && line.trim_end().ends_with(';')) {
            return None;
        }
        if opened && depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_left_out() {
        let text =
            "a(\"b { // \\\" c\"); // d\n/* e /* f */\n } */ g('{', '\\'', '\\u{1F}', 'x');\nr#\"h \" }\"# i r\"j\" k";
        let lines = code(text);
        assert_eq!(lines.len(), text.lines().count(), "{lines:?}");
        let joined = lines.join("\n");
        let found: Vec<&str> = words(&joined).collect();
        assert_eq!(found, ["a", "g", "i", "k"], "{lines:?}");
        assert!(!joined.contains(['{', '}']), "{lines:?}");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        let lines = code("fn f<'a>(r#type: &'a str, b: &'a u8) {\n    \"one \\\n    two\".len()\n}");
        assert_eq!(lines.len(), 4);
        assert_eq!(functions(&lines), [Function { name: "f".into(), line: 1, lines: 4 }]);
    }

    #[test]
    fn functions_are_measured_and_declarations_are_not() {
        let text = "trait T {\n    fn a(&self) -> [u8; 2];\n    fn b(&self) {}\n}\npub const fn c(\n    x: fn(u8),\n) -> u8 {\n    \
                    if x { '}' } else { y }\n}\n";
        let found = functions(&code(text));
        let found: Vec<_> = found.iter().map(|function| (function.name.as_str(), function.lines)).collect();
        assert_eq!(found, [("b", 1), ("c", 5)]);
    }
}
