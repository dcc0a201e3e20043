//! The result objects of analysed files, as a device would deliver them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use contract::{Digest, Uid, transfer_syntax};
use domain::{
    AeTitle, AssemblyPolicy, InstanceKey, InstanceRecord, ReceivedInstance, ReportedImage, ResultKind, StoredFile,
    StudyKey, StudyPolicy, StudyReport, UnixMillis, report_at_once,
};
use results::{ResultObject, Settings, for_each_object};

use crate::report::{AnalyzedFile, Method};

/// Writes all objects of each study among `files` into `folder`. `heatmap` gives the PNG of the file at an index. Files
/// without a readable header belong to no study: only the report on all files has them.
///
/// An image counts as received when its file was changed last, so that the same files give the same objects.
pub(super) fn write(
    folder: &Path,
    files: &[AnalyzedFile],
    method: &Method<'_>,
    settings: Settings,
    heatmap: &dyn Fn(usize) -> Option<Vec<u8>>,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    let wanted = Wanted { kinds: &ResultKind::ALL, settings, synthetic: false };
    for_each(files, method, &wanted, heatmap, &mut |object: ResultObject| {
        let path = folder.join(&object.file_name);
        fs::write(&path, &object.bytes).with_context(|| format!("{} cannot be written", path.display()))
    })
}

/// Which objects are made, and what they say of themselves.
pub(super) struct Wanted<'a> {
    /// Which kinds.
    pub kinds: &'a [ResultKind],
    /// What a site decides about them.
    pub settings: Settings,
    /// Is the exam computed, to try something out?
    pub synthetic: bool,
}

/// Makes the objects that are wanted of each study among `files`, and gives each to `sink`.
pub(super) fn for_each(
    files: &[AnalyzedFile],
    method: &Method<'_>,
    wanted: &Wanted<'_>,
    heatmap: &dyn Fn(usize) -> Option<Vec<u8>>,
    sink: &mut dyn FnMut(ResultObject) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut studies: BTreeMap<StudyKey, Vec<InstanceRecord>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        if let Some(record) = record(index, file)? {
            studies.entry(record.received.study.clone()).or_default().push(record);
        }
    }
    let assembly = AssemblyPolicy { aggregation: Some(method.aggregation), ..AssemblyPolicy::default() };
    let policy = StudyPolicy { assembly, eligibility: *method.policy };
    let png = |image: &ReportedImage| heatmap(image.spool_name.parse().ok()?);
    for (study, records) in studies {
        let report = StudyReport { synthetic: wanted.synthetic, ..report_at_once(&study, &records, &policy) };
        for_each_object(&report, wanted.kinds, wanted.settings, &png, sink)?;
    }
    Ok(())
}

/// The file as if it had been received; its name in the spool is its index.
fn record(index: usize, file: &AnalyzedFile) -> anyhow::Result<Option<InstanceRecord>> {
    let Some(header) = &file.analysis.header else { return Ok(None) };
    let Some(sop_class) = header.attributes.sop_class.clone() else { return Ok(None) };
    let changed = fs::metadata(&file.path).and_then(|metadata| metadata.modified()).unwrap_or(UNIX_EPOCH);
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    let received = ReceivedInstance {
        key: InstanceKey(header.instance.clone()),
        study: StudyKey(header.study.clone()),
        sop_class,
        calling_ae: AeTitle::parse("FILE")?,
        transfer_syntax: Uid::parse(transfer_syntax::EXPLICIT_LE)?,
        // Neither is in any result object.
        spool: StoredFile { name: index.to_string(), len: 0, sha256: Digest::of(b"") },
        dataset_sha256: Digest::of(b""),
        received_at: UnixMillis(u64::try_from(changed.as_millis()).unwrap_or(u64::MAX)),
    };
    Ok(Some(InstanceRecord {
        attributes: Some(header.attributes.clone()),
        patient_study: Some(header.patient_study.clone()),
        outcome: Some(file.analysis.outcome.clone()),
        ..InstanceRecord::waiting(received)
    }))
}
