use maud::{Markup, html};

use super::parts;
use crate::device::{Finding, Level, LogFilter, LogLine, Verdict, VersionLine};
use crate::text;

/// What the doctor finds, what does not work first.
pub fn doctor(findings: &[Finding]) -> Markup {
    let count = |wanted: Verdict| findings.iter().filter(|finding| finding.verdict == wanted).count();
    let (failed, attention) = (count(Verdict::Failed), count(Verdict::Attention));
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| match finding.verdict {
        Verdict::Failed => 0,
        Verdict::Attention => 1,
        Verdict::Ok => 2,
    });
    html! {
        p { (findings.len()) " checks: " (failed) " failed, " (attention) " need attention." }
        table.stacked {
            caption.unseen { "Checks" }
            thead { tr { th scope="col" { "Check" } th scope="col" { "Verdict" } th scope="col" { "Found" } th scope="col" { "What to do" } } }
            tbody {
                @for finding in sorted {
                    tr {
                        th scope="row" data-label="Check" { (finding.check) }
                        td data-label="Verdict" { (parts::verdict(finding.verdict)) }
                        td data-label="Found" { (finding.found) }
                        td data-label="What to do" { (if finding.next.is_empty() { "nothing" } else { &finding.next }) }
                    }
                }
            }
        }
        p { a href="/health" { "Check again" } }
    }
}

const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "Errors",
        Level::Warn => "Warnings and errors",
        Level::Info => "All but details",
        Level::Debug => "All",
    }
}

fn level(level: Level) -> Markup {
    match level {
        Level::Error => parts::badge("bad", "✕", "error"),
        Level::Warn => parts::badge("attention", "!", "warning"),
        Level::Info => parts::badge("calm", "–", "info"),
        Level::Debug => parts::badge("calm", "·", "detail"),
    }
}

/// The last lines of the log, the youngest first.
pub fn logs(lines: &[LogLine], filter: &LogFilter) -> Markup {
    html! {
        form.filter method="get" action="/logs" {
            p {
                label for="level" { "Show" }
                select id="level" name="level" {
                    @for one in Level::ALL { option value=(one.name()) selected[one == filter.level] { (level_word(one)) } }
                }
            }
            p {
                label for="containing" { "Containing" }
                input id="containing" name="containing" maxlength="100" value=[filter.containing.as_deref()];
            }
            p { button { "Filter" } }
        }
        p { "The log holds no patient data. The last " (lines.len()) " lines that pass the filter, the youngest first." }
        table.stacked.log {
            caption.unseen { "Lines of the log" }
            thead { tr { th scope="col" { "Time" } th scope="col" { "Level" } th scope="col" { "Part" } th scope="col" { "Text" } } }
            tbody {
                @for line in lines.iter().rev() {
                    tr {
                        td data-label="Time" { (text::time(line.at_ms)) }
                        td data-label="Level" { (level(line.level)) }
                        td data-label="Part" { (line.target) }
                        td data-label="Text" { (line.text) }
                    }
                }
            }
        }
    }
}

/// The configuration as it counts, and versions.
pub fn settings(settings: &str, versions: &[VersionLine]) -> Markup {
    html! {
        section aria-labelledby="versions-title" {
            h2 id="versions-title" { "Versions" }
            dl.pairs { @for line in versions { dt { (line.part) } dd { (line.version) } } }
        }
        section aria-labelledby="configuration-title" {
            h2 id="configuration-title" { "Configuration" }
            p { "As it counts now, with secrets removed. It is changed in the configuration file of the device." }
            pre tabindex="0" role="region" aria-label="Text of the configuration" { (settings) }
        }
    }
}
