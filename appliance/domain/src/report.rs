//! What is reported of one study.

use serde::{Deserialize, Serialize};

use crate::findings::ModelId;
use crate::{BreastFinding, InstanceRecord, StudyKey, UnixMillis};

/// Everything that the result objects of one revision of a study are made from. The same report always makes the same
/// objects, byte for byte: it holds no time of its own making.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// Which study.
    pub study: StudyKey,
    /// 1 for the first report; a late image makes the next one, which supersedes it.
    pub revision: u32,
    /// The breasts of which at least one image was scored, right before left.
    pub breasts: Vec<BreastFinding>,
    /// Every instance received so far, with its outcome, in the order of arrival.
    pub instances: Vec<InstanceRecord>,
    /// Which model scored; `None` when no image was.
    pub model: Option<ModelId>,
    /// When the last instance arrived: the report's own date, so that a repeat after a crash is identical.
    pub last_arrival: UnixMillis,
}
