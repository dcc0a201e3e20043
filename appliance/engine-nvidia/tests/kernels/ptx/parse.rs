//! A PTX file's kernels: declarations here, instructions in [`super::statement`].

use std::collections::HashMap;

use super::program::{Kernel, Module, Operand, SharedArray};
use super::statement;
use super::types::Type;

/// Between arrays in shared memory, so that an index beyond one is not a place in the next.
const SHARED_GAP: u64 = 1 << 20;

/// What names in a kernel's body stand for.
#[derive(Default)]
pub struct Names {
    /// First register and number of registers of each prefix, such as `%rd`.
    pub registers: HashMap<String, (usize, usize)>,
    pub labels: HashMap<String, usize>,
}

/// All kernels of `text`. Comments are dropped; what is between two semicolons is a statement.
pub fn module(text: &str) -> Result<Module, String> {
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut module = Module::default();
    let mut at = 0;
    while at < lines.len() {
        if let Some((_, name)) = lines[at].split_once(".entry ") {
            let name = name.trim_end_matches('(').trim();
            let body = (at..lines.len()).find(|&line| lines[line].starts_with('{')).ok_or("a kernel has no body")?;
            let end = (body..lines.len()).find(|&line| lines[line].starts_with('}')).ok_or("a kernel has no end")?;
            module.kernels.push(kernel(name, &lines[at + 1..body], &lines[body + 1..end], body + 2)?);
            at = end;
        } else if lines[at].contains(".func ") || lines[at].contains(".extern ") {
            return Err(format!("line {}: functions are not inlined: {}", at + 1, lines[at].trim()));
        }
        at += 1;
    }
    Ok(module)
}

fn kernel(name: &str, head: &[&str], body: &[&str], first_line: usize) -> Result<Kernel, String> {
    let mut kernel = Kernel { name: name.to_owned(), ..Kernel::default() };
    for line in head {
        if let Some(parameter) = line.trim().strip_prefix(".param ") {
            let words: Vec<&str> = parameter.trim_end_matches(',').split_whitespace().collect();
            let (first, last) = (words.first().unwrap_or(&""), words.last().unwrap_or(&""));
            kernel.parameters.push(((*last).to_owned(), Type::parse(first.trim_start_matches('.'))));
        } else if let Some(threads) = line.trim().strip_prefix(".maxntid ") {
            let sides = threads.split(',').map(|side| side.trim().parse::<u32>());
            kernel.threads_max = Some(sides.product::<Result<u32, _>>().map_err(|error| format!(".maxntid: {error}"))?);
        }
    }
    let mut names = Names::default();
    let statements = statements(body, first_line);
    // Labels may be used before they are declared: declarations first.
    let mut count = 0;
    for (line, text) in &statements {
        if let Some(label) = text.strip_suffix(':') {
            names.labels.insert(label.to_owned(), count);
        } else if text.starts_with('.') {
            declare(&mut kernel, &mut names, text).map_err(|error| format!("line {line}: {error}"))?;
        } else {
            count += 1;
        }
    }
    for (line, text) in &statements {
        if !text.ends_with(':') && !text.starts_with('.') {
            let parsed = statement::instruction(text, *line, &kernel, &names);
            kernel.instructions.push(parsed.map_err(|error| format!("line {line}: {error}"))?);
        }
    }
    Ok(kernel)
}

/// Labels with their colon, declarations and instructions, each with its line.
fn statements(body: &[&str], first_line: usize) -> Vec<(usize, String)> {
    let mut statements = Vec::new();
    let (mut text, mut start) = (String::new(), first_line);
    for (index, line) in body.iter().enumerate() {
        for character in line.chars() {
            let is_label = character == ':' && text.trim_start().starts_with('$');
            match character {
                '{' | '}' => {}
                ';' => {
                    statements.push((start, text.trim().to_owned()));
                    text.clear();
                }
                _ => text.push(character),
            }
            if is_label {
                statements.push((start, text.trim().to_owned()));
                text.clear();
            }
        }
        text.push(' ');
        if text.trim().is_empty() {
            text.clear();
            start = first_line + index + 1;
        }
    }
    statements.retain(|(_, text)| !text.is_empty());
    statements
}

/// `.reg .b32 %r<12>`, `.shared .align 4 .b8 name[16]`, `.shared .align 4 .u32 name`, `.pragma`.
fn declare(kernel: &mut Kernel, names: &mut Names, text: &str) -> Result<(), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let last = words.last().copied().unwrap_or_default();
    match words[0] {
        ".pragma" => Ok(()),
        ".reg" => {
            let (prefix, count) = last.trim_end_matches('>').split_once('<').ok_or(format!("registers: {text}"))?;
            let count = count.parse::<usize>().map_err(|error| error.to_string())?;
            names.registers.insert(prefix.to_owned(), (kernel.registers, count));
            kernel.registers += count;
            Ok(())
        }
        ".shared" => {
            let data = words.iter().find_map(|word| Type::parse(word.strip_prefix('.')?)).ok_or("no type")?;
            let (name, length) = last.split_once('[').unwrap_or((last, "1]"));
            let length = length.trim_end_matches(']').parse::<usize>().map_err(|error| error.to_string())?;
            let address = (kernel.shared.len() as u64 + 1) * SHARED_GAP;
            kernel.shared.push(SharedArray { name: name.to_owned(), address, bytes: length * data.bytes() });
            Ok(())
        }
        other => Err(format!("unknown declaration {other}")),
    }
}

impl Names {
    /// The register `name`, such as `%rd12`.
    pub fn register(&self, name: &str) -> Result<usize, String> {
        let prefix = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let number = name[prefix.len()..].parse::<usize>().map_err(|_| format!("unknown register {name}"))?;
        let (first, count) = self.registers.get(prefix).ok_or(format!("unknown register {name}"))?;
        if number < *count { Ok(first + number) } else { Err(format!("register {name} is not declared")) }
    }

    pub fn label(&self, name: &str) -> Result<Operand, String> {
        self.labels.get(name).map(|&target| Operand::Target(target)).ok_or(format!("unknown label {name}"))
    }
}
