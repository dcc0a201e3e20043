//! Comprehensive 3D SR with a measurement report (PS3.16 TID 1500): regions and scores for research viewers and archives
//! that read measurements (IHE AI Results).
//!
//! Each scored image is one measurement group: the region around the strongest place of its map with its score
//! (TID 1410), or the score of the whole image where nothing stands out in the map (TID 1501).

use contract::Uid;
use domain::{ResultKind, StudyReport};

use crate::codes::{self, PER_CENT};
use crate::document::SrDocument;
use crate::elements::per_cent;
use crate::marks::{self, Mark};
use crate::sr::{self, Item, Relation};
use crate::{ResultError, ResultObject, evidence};

/// Comprehensive 3D SR Storage.
pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.88.34";
/// Series Number and Series Description.
pub(crate) const SERIES: (&str, &str) = ("9403", "MAMORU AI measurements - research use only");
/// Template Identifier.
pub(crate) const TEMPLATE: &str = "1500";

/// The report as object; `None` when the study has no image that it could refer to.
pub(crate) fn object(report: &StudyReport) -> Result<Option<ResultObject>, ResultError> {
    let evidence = evidence::of(report);
    if evidence.is_empty() {
        return Ok(None);
    }
    let marks = marks::of(report);
    let mut children = vec![sr::language()];
    children.extend(observer());
    children.push(Item::code(Relation::HasConceptMod, codes::PROCEDURE_REPORTED, codes::IMAGING_PROCEDURE));
    if !marks.is_empty() {
        let groups = marks.iter().map(|mark| group(report, mark));
        children.push(Item::container(Relation::Contains, codes::MEASUREMENTS).with_all(groups));
    }
    let mut texts = vec![marks::summary(report, &marks)];
    texts.extend(marks::provenance(report));
    let texts = texts.iter().map(|text| Item::text(Relation::Contains, codes::COMMENT, text));
    children.push(Item::container(Relation::Contains, codes::QUALITATIVE).with_all(texts));
    let document = SrDocument {
        report,
        kind: ResultKind::ComprehensiveSr,
        class: SOP_CLASS,
        series_number: SERIES.0,
        series_description: SERIES.1,
        settings: "",
        evidence: &evidence,
        content: sr::root(codes::MEASUREMENT_REPORT, TEMPLATE, children),
    };
    document.into_object().map(Some)
}

/// TID 1002 and 1004: this software, the same for all devices that run it.
fn observer() -> [Item; 5] {
    let context = Relation::HasObsContext;
    let version = format!("Mamoru {}", env!("CARGO_PKG_VERSION"));
    [
        Item::code(context, codes::OBSERVER_TYPE, codes::DEVICE),
        Item::uid(context, codes::DEVICE_UID, &Uid::derived(&["mamoru device", env!("CARGO_PKG_VERSION")])),
        Item::text(context, codes::DEVICE_NAME, "MAMORU"),
        Item::text(context, codes::DEVICE_MANUFACTURER, "Mamoru"),
        Item::text(context, codes::DEVICE_MODEL, &version),
    ]
}

fn group(report: &StudyReport, mark: &Mark<'_>) -> Item {
    let context = Relation::HasObsContext;
    let tracking = Uid::derived(&["mamoru region", &report.fingerprint().to_string(), &mark.number.to_string()]);
    let identifier = format!("{} image {}", crate::wording::view(mark.finding), mark.number);
    let site = Item::code(Relation::HasConceptMod, codes::FINDING_SITE, codes::BREAST).with(Item::code(
        Relation::HasConceptMod,
        codes::LATERALITY,
        codes::side(mark.finding.laterality),
    ));
    let score = Item::number(Relation::Contains, codes::CERTAINTY_OF_FINDING, &per_cent(mark.finding.score), PER_CENT);
    let probability = mark
        .finding
        .calibrated_probability
        .map(|share| Item::number(Relation::Contains, codes::PROBABILITY_OF_CANCER, &per_cent(share), PER_CENT));
    let group = Item::container(Relation::Contains, codes::MEASUREMENT_GROUP)
        .with(Item::text(context, codes::TRACKING_IDENTIFIER, &identifier))
        .with(Item::uid(context, codes::TRACKING_UID, &tracking));
    let described = |group: Item| {
        group
            .with(Item::code(Relation::Contains, codes::FINDING, codes::SELECTED_REGION))
            .with(site)
            .with_all(algorithm(mark))
            .with(score.with_all(algorithm(mark)))
            .with_all(probability.map(|item| item.with_all(algorithm(mark))))
    };
    match mark.outline() {
        Some(ring) => {
            let source = Item::image(Relation::SelectedFrom, Some(codes::SOURCE), mark.image);
            let region = Item::polyline(Relation::Contains, codes::IMAGE_REGION, ring.points()).with(source);
            described(group).with(region)
        }
        None => {
            let source = Item::image(Relation::Contains, Some(codes::SOURCE_OF_MEASUREMENT), mark.image);
            described(group).with(source)
        }
    }
}

fn algorithm(mark: &Mark<'_>) -> [Item; 2] {
    let (name, version) = marks::algorithm(Some(&mark.finding.model));
    [
        Item::text(Relation::HasConceptMod, codes::ALGORITHM_NAME, &name),
        Item::text(Relation::HasConceptMod, codes::ALGORITHM_VERSION, &version),
    ]
}
