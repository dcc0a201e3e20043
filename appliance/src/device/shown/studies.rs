//! Studies, their images and whose they are.

use std::collections::BTreeMap;

use console::{
    Breast, Fault, Id, Image, ImageState, Laterality, Listing, Patient, Study, StudyLine, StudyState, View, Window,
};
use domain::{InstanceOutcome, InstanceRecord, ReportedImage, StudyKey, StudyReport, report_at_once};
use queue::{StudyRecord, StudySummary};

use super::{Shown, broken, deliveries, id_of, image_id};

/// View Position (0018,5101) of PS3.3 section C.8.11.7: what else stands there is not shown.
const POSITIONS: [&str; 12] = ["CC", "MLO", "ML", "LM", "LMO", "XCC", "XCCL", "XCCM", "FB", "SIO", "ISO", "CV"];
/// What phantoms of this software call themselves.
const SYNTHETIC_NAME: &str = phantom::PATIENT_NAME;

/// The studies of `window`.
pub fn list(shown: &Shown, window: Window) -> Result<Listing<StudyLine>, Fault> {
    let all = shown.queue().latest_studies(usize::MAX).map_err(broken)?;
    let total = all.len() as u64;
    let parked = deliveries::parked(shown)?;
    let mut items = Vec::new();
    for summary in all.into_iter().skip(window.skip).take(window.take.min(Window::TAKE_MAX)) {
        let Some(record) = shown.queue().study(&summary.study).map_err(broken)? else { continue };
        items.extend(line(&summary, &record, &parked));
    }
    Ok(Listing { items, total })
}

/// The study that is called so.
pub fn find(shown: &Shown, id: &Id) -> Result<(StudySummary, StudyRecord), Fault> {
    let all = shown.queue().latest_studies(usize::MAX).map_err(broken)?;
    let summary = all.into_iter().find(|summary| id_of(&summary.study).as_ref() == Some(id)).ok_or(Fault::NotFound)?;
    let record = shown.queue().study(&summary.study).map_err(broken)?.ok_or(Fault::NotFound)?;
    Ok((summary, record))
}

/// All of one study, but who it is of.
pub fn one(shown: &Shown, id: &Id) -> Result<Study, Fault> {
    let (summary, record) = find(shown, id)?;
    let report = report_at_once(&summary.study, &record.instances, &shown.policy());
    let line = line(&summary, &record, &deliveries::parked(shown)?).ok_or(Fault::NotFound)?;
    let images = record.instances.iter().filter_map(|instance| image(shown, instance, &report));
    Ok(Study {
        model: report.model.as_ref().map(|model| format!("{} {}", model.name, model.version)),
        engine: report.engine.clone(),
        images: images.collect(),
        breasts: breasts(&report),
        views_missing: report
            .missing_views
            .iter()
            .map(|(side, view)| view_of(Some(*side), Some(view.term())))
            .collect(),
        deliveries: deliveries::of_study(shown, &summary.study)?,
        line,
    })
}

/// Who it is of, from the first header that says so.
pub fn patient(shown: &Shown, id: &Id) -> Result<Option<Patient>, Fault> {
    let (_, record) = find(shown, id)?;
    let headers = record.instances.into_iter().find_map(|instance| instance.patient_study);
    Ok(headers.map(|header| Patient {
        name: header.patient_name.map(|name| for_reading(&name)),
        id: header.patient_id,
        birth_date: header.birth_date.map(|date| day(&date)),
        study_date: header.study_date.map(|date| day(&date)),
        accession: header.accession_number,
    }))
}

fn line(summary: &StudySummary, record: &StudyRecord, parked: &BTreeMap<StudyKey, u32>) -> Option<StudyLine> {
    let id = id_of(&summary.study)?;
    let count = |state: ImageState| {
        let of_state = record.instances.iter().filter(|instance| state_of(instance.outcome.as_ref()) == state);
        u32::try_from(of_state.count()).unwrap_or(u32::MAX)
    };
    let mut views: Vec<View> = Vec::new();
    for view in record.instances.iter().map(view_of_header).filter(|view| view.position.is_some()) {
        if !views.contains(&view) {
            views.push(view);
        }
    }
    let is_synthetic = |instance: &InstanceRecord| {
        let name = instance.patient_study.as_ref().and_then(|header| header.patient_name.as_deref());
        name == Some(SYNTHETIC_NAME)
    };
    Some(StudyLine {
        id,
        state: match summary.state {
            domain::StudyState::Collecting => StudyState::Collecting,
            domain::StudyState::Provisional => StudyState::Provisional,
            domain::StudyState::Final => StudyState::Final,
            domain::StudyState::Revised => StudyState::Revised,
        },
        revision: summary.revision,
        views,
        images_received: u32::try_from(record.instances.len()).unwrap_or(u32::MAX),
        images_scored: count(ImageState::Scored),
        images_excluded: count(ImageState::Excluded),
        images_failed: count(ImageState::Failed),
        last_received_at_ms: summary.last_received_at.0,
        deliveries_parked: parked.get(&summary.study).copied().unwrap_or(0),
        synthetic: record.instances.iter().any(is_synthetic),
    })
}

const fn state_of(outcome: Option<&InstanceOutcome>) -> ImageState {
    match outcome {
        None => ImageState::Waiting,
        Some(InstanceOutcome::Scored(_)) => ImageState::Scored,
        Some(InstanceOutcome::Excluded { .. }) => ImageState::Excluded,
        Some(InstanceOutcome::Failed { .. }) => ImageState::Failed,
    }
}

fn image(shown: &Shown, instance: &InstanceRecord, report: &StudyReport) -> Option<Image> {
    let decided = report.images.iter().find(|image| image.key == *instance.key());
    let outcome = decided.map(|image| &image.outcome).or(instance.outcome.as_ref());
    let has_picture = matches!(instance.outcome, Some(InstanceOutcome::Scored(_)))
        && shown.state().heatmap_of(&instance.received.spool.name).is_file();
    let (mut score, mut category, mut reason) = (None, None, None);
    match outcome {
        Some(InstanceOutcome::Scored(finding)) => {
            score = Some(finding.score);
            category = finding.operating_points.first().map(|call| word(call.called));
        }
        Some(InstanceOutcome::Excluded { reason: why }) => reason = Some(why.text().to_owned()),
        Some(InstanceOutcome::Failed { reason: why }) => {
            reason = Some(format!("{}; send the image again, or see the health page", why.text));
        }
        None => {}
    }
    let view = match outcome {
        Some(InstanceOutcome::Scored(finding)) => view_of(Some(finding.laterality), Some(finding.view.term())),
        _ => view_of_header(instance),
    };
    Some(Image {
        id: image_id(instance.key())?,
        view,
        received_at_ms: instance.received.received_at.0,
        state: state_of(outcome),
        score,
        category,
        reason,
        notes: notes(decided),
        has_picture,
        has_heat_map: has_picture,
    })
}

fn notes(image: Option<&ReportedImage>) -> Vec<String> {
    image.into_iter().flat_map(|image| &image.notes).map(|note| note.text().to_owned()).collect()
}

fn word(called: bool) -> String {
    if called { "called".into() } else { "not called".into() }
}

fn breasts(report: &StudyReport) -> Vec<Breast> {
    let breast = |breast: &domain::BreastFinding| Breast {
        laterality: laterality_of(breast.laterality),
        score: breast.score,
        category: None,
        images: u32::try_from(breast.images).unwrap_or(u32::MAX),
    };
    report.breasts.iter().map(breast).collect()
}

const fn laterality_of(side: domain::Laterality) -> Laterality {
    match side {
        domain::Laterality::Right => Laterality::Right,
        domain::Laterality::Left => Laterality::Left,
    }
}

fn view_of(side: Option<domain::Laterality>, position: Option<&str>) -> View {
    View { laterality: side.map(laterality_of), position: position.map(str::to_owned) }
}

/// What the header says; what is no word of the standard is left out.
fn view_of_header(instance: &InstanceRecord) -> View {
    let attributes = instance.attributes.as_ref();
    let side = attributes.and_then(|attributes| {
        match attributes.image_laterality.as_deref().or(attributes.laterality.as_deref())? {
            "R" => Some(domain::Laterality::Right),
            "L" => Some(domain::Laterality::Left),
            _ => None,
        }
    });
    let position = attributes.and_then(|attributes| attributes.view_position.as_deref());
    view_of(side, position.filter(|position| POSITIONS.contains(position)))
}

/// `Doe^Jane^^Dr` becomes `Dr Jane Doe`; of the three representations the first that is not empty (PS3.5 section 6.2.1.2).
fn for_reading(name: &str) -> String {
    let group = name.split('=').find(|group| !group.trim().is_empty()).unwrap_or_default();
    let mut parts = group.split('^').map(str::trim);
    let mut next = || parts.next().unwrap_or_default();
    let (family, given, middle, prefix, suffix) = (next(), next(), next(), next(), next());
    [prefix, given, middle, family, suffix].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `19701231` becomes `1970-12-31`; anything else stays.
fn day(date: &str) -> String {
    match date.as_bytes() {
        digits if digits.len() == 8 && digits.iter().all(u8::is_ascii_digit) => {
            format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..])
        }
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_days_are_for_reading() {
        for (name, shown) in [
            ("Doe^Jane", "Jane Doe"),
            ("Doe^Jane^Q^Dr^MD", "Dr Jane Q Doe MD"),
            ("=山田^花子=やまだ^はなこ", "花子 山田"),
            ("DOE", "DOE"),
            ("", ""),
        ] {
            assert_eq!(for_reading(name), shown);
        }
        assert_eq!((day("19701231").as_str(), day("1970").as_str()), ("1970-12-31", "1970"));
    }
}
