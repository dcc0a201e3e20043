//! Studies and their images.

use serde::Serialize;

use super::{Delivery, Id};

/// As what a study's report was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyState {
    /// No report was given yet.
    Collecting,
    /// More images are waited for; a final report follows.
    Provisional,
    /// The first report of a study that was complete, or waited for long enough.
    Final,
    /// A final report replaced by this one.
    Revised,
}

/// Which breast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Laterality {
    /// Right.
    Right,
    /// Left.
    Left,
}

/// What an image shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// `None` when the header does not say.
    pub laterality: Option<Laterality>,
    /// View Position, `CC` or `MLO`, or another term of PS3.3 C.8.11.7; `None` when the header does not say, or says what is
    /// no such term.
    pub position: Option<String>,
}

/// A study in one line.
#[derive(Clone, Debug, Serialize)]
pub struct StudyLine {
    /// Of its Study Instance UID.
    pub id: Id,
    /// Of its last report.
    pub state: StudyState,
    /// Of its last report, from 1; 0 before the first.
    pub revision: u32,
    /// Views that are there, each once.
    pub views: Vec<View>,
    /// Images and other objects that came.
    pub images_received: u32,
    /// Of these.
    pub images_scored: u32,
    /// Of these, not scored for a reason that lies in them.
    pub images_excluded: u32,
    /// Of these, not scored because something did not work.
    pub images_failed: u32,
    /// When the last one came.
    pub last_received_at_ms: u64,
    /// Deliveries that wait for a person.
    pub deliveries_parked: u32,
    /// Whether it is an exam that was computed to try something out.
    pub synthetic: bool,
}

/// All of a study, but who it is of.
#[derive(Clone, Debug, Serialize)]
pub struct Study {
    /// In one line.
    #[serde(flatten)]
    pub line: StudyLine,
    /// The model that scored, with its version.
    pub model: Option<String>,
    /// The engine that scored.
    pub engine: Option<String>,
    /// In the order in which they came.
    pub images: Vec<Image>,
    /// Right, then left, where an image was scored.
    pub breasts: Vec<Breast>,
    /// Views of a screening exam without a scored image.
    pub views_missing: Vec<View>,
    /// Of the last revision, then of those before.
    pub deliveries: Vec<Delivery>,
}

/// What became of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageState {
    /// It waits its turn.
    Waiting,
    /// It has a score.
    Scored,
    /// It has none, for a reason that lies in it.
    Excluded,
    /// It has none, because something did not work.
    Failed,
}

/// An image, or another object, of a study.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// Of its SOP Instance UID.
    pub id: Id,
    /// What it shows.
    pub view: View,
    /// When it came.
    pub received_at_ms: u64,
    /// What became of it.
    pub state: ImageState,
    /// The network's probability, 0 to 1.
    pub score: Option<f64>,
    /// In the words of the model's operating point.
    pub category: Option<String>,
    /// Why it has no score, and what to do.
    pub reason: Option<String>,
    /// What is said beside its score.
    pub notes: Vec<String>,
    /// Whether [`super::Device::picture`] has it.
    pub has_picture: bool,
    /// Whether [`super::Device::heat_map`] has it.
    pub has_heat_map: bool,
}

/// The result of one breast.
#[derive(Clone, Debug, Serialize)]
pub struct Breast {
    /// Which.
    pub laterality: Laterality,
    /// 0 to 1.
    pub score: f64,
    /// In the words of the model's operating point.
    pub category: Option<String>,
    /// Images that the score is of.
    pub images: u32,
}

/// Who a study is of. Prints nothing, and is in no answer of the machine interface.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// Patient's Name (0010,0010), for reading.
    pub name: Option<String>,
    /// Patient ID (0010,0020).
    pub id: Option<String>,
    /// Patient's Birth Date (0010,0030), as `1970-12-31`.
    pub birth_date: Option<String>,
    /// Study Date (0008,0020), as `2026-12-31`.
    pub study_date: Option<String>,
    /// Accession Number (0008,0050).
    pub accession: Option<String>,
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Patient")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_prints_nothing() {
        let patient = Patient { name: Some("Planted^Marker".into()), id: Some("0815".into()), ..Patient::default() };
        assert_eq!(format!("{patient:?}"), "Patient");
    }
}
