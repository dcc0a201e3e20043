//! Retention: files of images first, all that is left of a study later, and nothing that anybody waits for.
//!
//! A study may go once all its instances are reported, by a report that is not provisional, and all its deliveries are
//! done: one that is due or parked keeps everything. Files go first, rows last, so that a crash in between leaves rows
//! whose removal is begun again, and never a file that would be taken for a new arrival.

use domain::{Reported, StudyKey, UnixMillis};

use crate::rows::{self, DELIVERY, INSTANCE};
use crate::{Queue, QueueError, StateDir};

impl Queue {
    /// Removes the received files and heat maps of studies, at most `limit`, that are done and to which nothing happened
    /// since `before`: no arrival and no delivery. Their rows and results stay, so that the same image is still known when
    /// it comes again. Returns how many.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn remove_files(&self, state: &StateDir, before: UnixMillis, limit: usize) -> Result<usize, QueueError> {
        let studies = self
            .lock()?
            .done(limit, |rows| !rows.files_removed && !rows.instances.is_empty() && rows.last_change_at() < before);
        for study in &studies {
            self.remove_files_of(state, study)?;
        }
        if !studies.is_empty() {
            self.shared.committer.commit()?;
            self.changed();
        }
        Ok(studies.len())
    }

    fn remove_files_of(&self, state: &StateDir, study: &StudyKey) -> Result<(), QueueError> {
        let Some(found) = self.lock()?.studies.get(study).cloned() else { return Ok(()) };
        for sequence in &found.instances {
            state.remove_instance_files(&self.record(*sequence)?.received.spool.name)?;
        }
        state.sync_folders()?;
        let mut index = self.lock()?;
        // An instance that came in the meantime has its file.
        if index.studies.get(study).is_some_and(|rows| rows.instances.len() == found.instances.len()) {
            let reported = Reported { files_removed: true, ..self.reported(study)? };
            self.shared.rows.insert(rows::reported_row(study), rows::encode(&reported)?)?;
            index.put_reported(study, &reported);
        }
        Ok(())
    }

    /// Forgets studies, at most `limit`, that are done and to which nothing happened since `before`, with their files,
    /// results and rows. Returns how many.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn retire(&self, state: &StateDir, before: UnixMillis, limit: usize) -> Result<usize, QueueError> {
        let studies = self.lock()?.done(limit, |rows| rows.last_change_at() < before);
        for study in &studies {
            self.forget(state, study)?;
        }
        if !studies.is_empty() {
            self.shared.committer.commit()?;
            self.changed();
        }
        Ok(studies.len())
    }

    fn forget(&self, state: &StateDir, study: &StudyKey) -> Result<(), QueueError> {
        let Some(found) = self.lock()?.studies.get(study).cloned() else { return Ok(()) };
        let mut batch = sled::Batch::default();
        for sequence in &found.instances {
            let record = self.record(*sequence)?;
            state.remove_instance_files(&record.received.spool.name)?;
            batch.remove(&rows::sequence_row(INSTANCE, *sequence));
            batch.remove(rows::key_row(record.key()));
        }
        for sequence in &found.deliveries {
            let delivery = self.delivery_at(*sequence)?;
            state.remove_result(&delivery.file.name)?;
            batch.remove(&rows::sequence_row(DELIVERY, *sequence));
            batch.remove(rows::delivery_name_row(&delivery.id));
        }
        batch.remove(rows::reported_row(study));
        state.sync_folders()?;
        let mut index = self.lock()?;
        // An instance that came in the meantime keeps its study.
        if index.studies.get(study).is_some_and(|rows| rows.instances.len() == found.instances.len()) {
            self.shared.rows.apply_batch(batch)?;
            index.remove_study(study);
        }
        Ok(())
    }
}
