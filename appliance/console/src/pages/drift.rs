use maud::{Markup, html};

use super::parts;
use crate::device::{Band, Histogram, Measure};
use crate::text::percent;

/// Histograms, those that a person should look at first.
pub fn drift(histograms: &[Histogram]) -> Markup {
    let mut sorted: Vec<(usize, &Histogram)> = histograms.iter().enumerate().collect();
    sorted.sort_by_key(|(_, histogram)| histogram.attention.is_none());
    html! {
        p { "How images lie now, and lay before, for each manufacturer, model and software version. Bars are shares of all images of their time." }
        @if sorted.is_empty() { p { "Nothing to compare yet. It begins with the first scored images." } }
        @for (number, histogram) in sorted { (one(number, histogram)) }
    }
}

fn one(number: usize, histogram: &Histogram) -> Markup {
    let measure = match histogram.measure {
        Measure::Score => "Scores",
        Measure::Exclusion => "Exclusions",
        Measure::Intensity => "Intensities",
    };
    let source = &histogram.source;
    let sum = |of: fn(&Band) -> u64| histogram.bands.iter().map(of).sum::<u64>();
    let (before, now) = (sum(|band| band.before), sum(|band| band.now));
    let title = format!("histogram-{number}");
    html! {
        section aria-labelledby=(title) {
            h2 id=(title) { (measure) ", " (source.manufacturer) " " (source.model) ", software " (source.software) }
            @if let Some(why) = &histogram.attention { p { (parts::badge("attention", "!", "Attention")) " " (why) } }
            p.hint { (histogram.spans) }
            div.scroll tabindex="0" role="group" aria-labelledby=(title) {
                table.plain {
                    caption.unseen { (measure) }
                    thead { tr {
                        th scope="col" { "Band" } th scope="col" { "Before" } th scope="col" { "Now" }
                        th scope="col" { "Shares" span.unseen { " as bars, before above now" } }
                    } }
                    tbody {
                        @for band in &histogram.bands {
                            @let (old, new) = (percent(band.before, before), percent(band.now, now));
                            tr {
                                th scope="row" { (band.label) }
                                td.number { (band.before) " (" (old) " %)" }
                                td.number { (band.now) " (" (new) " %)" }
                                td {
                                    svg.bars viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true" {
                                        rect.before x="0" y="0" height="6" width=(old) {}
                                        rect.now x="0" y="8" height="6" width=(new) {}
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
