//! What is said of each breast (TID 4003 to 4006).

use domain::{BreastFinding, StudyReport, View};

use super::{FindingCode, algorithm, percentage, position};
use crate::codes::{self, Code};
use crate::evidence::Evidence;
use crate::marks::Mark;
use crate::sr::{Item, Relation};
use crate::wording;

/// For each breast one container with what is marked and one with what is not, as far as there is something in them.
pub(super) fn of(
    report: &StudyReport,
    marks: &[Mark<'_>],
    evidence: &[Evidence<'_>],
    finding: FindingCode,
) -> Vec<Item> {
    let mut impressions = Vec::new();
    for breast in &report.breasts {
        let of_breast = marks.iter().filter(|mark| mark.finding.laterality == breast.laterality);
        let (marked, rest): (Vec<_>, Vec<_>) = of_breast.partition(|mark| mark.is_marked());
        if !marked.is_empty() {
            let single = |relation, mark: &&Mark<'_>| Finding { report, mark, evidence }.marked(relation, finding);
            let children = match is_composite(&marked) {
                true => {
                    let parts = marked.iter().map(|mark| single(Relation::InferredFrom, mark));
                    vec![composite(report, breast, finding).with_all(parts)]
                }
                false => marked.iter().map(|mark| single(Relation::Contains, mark)).collect(),
            };
            impressions.push(impression(codes::REQUIRED, children));
        }
        if !rest.is_empty() {
            let quiet = rest.iter().map(|mark| Finding { report, mark, evidence }.not_presented());
            impressions.push(impression(codes::NOT_PRESENTED, quiet.collect()));
        }
    }
    impressions
}

/// Is something seen on more than one view?
fn is_composite(marked: &[&Mark<'_>]) -> bool {
    let on = |view: View| marked.iter().any(|mark| mark.finding.view == view);
    on(View::CranioCaudal) && on(View::MedioLateralOblique)
}

fn impression(intent: Code, children: Vec<Item>) -> Item {
    Item::container(Relation::InferredFrom, codes::IMPRESSION).with(rendering(intent)).with_all(children)
}

/// TID 4004 with 4005; the single findings are to be added.
fn composite(report: &StudyReport, breast: &BreastFinding, finding: FindingCode) -> Item {
    Item::code(Relation::Contains, codes::COMPOSITE_FEATURE, finding.code())
        .with(rendering(codes::REQUIRED))
        .with(Item::code(Relation::HasProperties, codes::COMPOSITE_TYPE, codes::SPATIALLY))
        .with(Item::code(Relation::HasProperties, codes::SCOPE, codes::MULTIPLE_IMAGES))
        .with_all(algorithm(report))
        .with(percentage(codes::CERTAINTY_OF_FEATURE, breast.score))
}

fn rendering(intent: Code) -> Item {
    Item::code(Relation::HasConceptMod, codes::RENDERING_INTENT, intent)
}

/// One image's finding (TID 4006).
struct Finding<'a> {
    report: &'a StudyReport,
    mark: &'a Mark<'a>,
    evidence: &'a [Evidence<'a>],
}

impl Finding<'_> {
    fn marked(&self, relation: Relation, finding: FindingCode) -> Item {
        let item = self.item(relation, finding.code(), codes::REQUIRED);
        match finding {
            // Such a region may have no probability (TID 4006 row 7) and must have a description.
            FindingCode::SelectedRegion => self.located(item).with(self.description("called")),
            FindingCode::BreastDensity => {
                let probability = self.mark.finding.calibrated_probability;
                self.located(item.with_all(probability.map(|share| percentage(codes::PROBABILITY_OF_CANCER, share))))
            }
        }
    }

    fn not_presented(&self) -> Item {
        let item = self.item(Relation::Contains, codes::SELECTED_REGION, codes::NOT_PRESENTED);
        let why = wording::untrained(&self.mark.finding.model).unwrap_or("not called");
        self.located(item).with(self.description(why))
    }

    /// `R CC 0.8123, calibrated probability 0.6966: called`.
    fn description(&self, verdict: &str) -> Item {
        let probability = self.mark.finding.calibrated_probability;
        let probability = probability.map(|share| format!(", calibrated probability {}", wording::score(share)));
        let text = format!("{}{}: {verdict}", self.mark.words(), probability.unwrap_or_default());
        Item::text(Relation::HasProperties, codes::SELECTED_REGION_TEXT, &text)
    }

    fn item(&self, relation: Relation, code: Code, intent: Code) -> Item {
        Item::code(relation, codes::SINGLE_IMAGE_FINDING, code)
            .with(rendering(intent))
            .with_all(algorithm(self.report))
            .with(percentage(codes::CERTAINTY_OF_FINDING, self.mark.finding.score))
    }

    /// TID 4021.
    fn located(&self, item: Item) -> Item {
        let Some(position) = position(self.evidence, self.mark) else { return item };
        let selected = || Item::by_reference(Relation::SelectedFrom, &position);
        let center = Item::point(Relation::HasProperties, codes::CENTER, self.mark.center()).with(selected());
        let outline = self
            .mark
            .outline()
            .map(|ring| Item::polyline(Relation::HasProperties, codes::OUTLINE, ring.points()).with(selected()));
        item.with(center).with_all(outline)
    }
}
