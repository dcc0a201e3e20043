use domain::*;
use serde::*;
use std::path::PathBuf;
pub const NOTICE: &str = "Research use only, not a medical device.";
pub struct ResultObject {
    pub kind: ResultKind,
    pub name: String,
    pub file_name: String,
    pub sop: Option<Sop>,
    pub bytes: Vec<u8>,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct ReportJson {
    pub notice: String,
    pub studies: Vec<StudyJson>,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct TimingsJson {
    pub decode: f64,
    pub preprocess: f64,
    pub network: f64,
    pub render: f64,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct StudyJson {
    pub revision: u32,
    pub images: Vec<ImageJson>,
    pub breasts: Vec<BreastFinding>,
    pub model: Option<findings::ModelId>,
    pub engine: Option<String>,
    pub timings_ms: TimingsJson,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct ImageJson {
    pub instance: Option<String>,
    pub file: Option<PathBuf>,
    pub heatmap: Option<PathBuf>,
    #[serde(flatten)]
    pub outcome: InstanceOutcome,
}
pub fn for_each_object<E>(
    _r: &StudyReport,
    _k: &[ResultKind],
    _h: &dyn Fn(&ReportedImage) -> Option<Vec<u8>>,
    _s: &mut dyn FnMut(ResultObject) -> Result<(), E>,
) -> Result<(), E> {
    Ok(())
}
