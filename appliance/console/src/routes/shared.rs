//! What all handlers have, who asks, and doing things in somebody's name.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::Markup;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::timeout;

use super::{Peer, Wrong};
use crate::access::{Access, LIVE};
use crate::device::{Device, Fault, Finding, Id, ModelChange};
use crate::jobs::{Jobs, Outcome, Work};
use crate::pages::{Frame, Place};
use crate::sessions::Session;
use crate::{ConsoleError, Limits, Role, pages, same};

/// What the doctor found is shown again for so long.
const DOCTOR_KEPT: Duration = Duration::from_secs(10);
/// A short change of a model is over before the page comes back.
const CHANGE_WAIT: Duration = Duration::from_secs(2);

/// What all handlers have.
pub struct Shared {
    /// Who may what.
    pub access: Access,
    /// The device.
    pub device: Arc<dyn Device>,
    /// Long work on models.
    pub jobs: Jobs,
    /// Places for open streams of events.
    pub streams: Arc<Semaphore>,
    /// What a client may use.
    pub limits: Limits,
    doctor: Mutex<Option<(Instant, Vec<Finding>)>>,
}

/// Who asks, of people and machines.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit file.
    pub who: String,
    /// What that one may do.
    pub role: Role,
    /// From where.
    pub address: IpAddr,
}

/// A signed-in user; whoever is none is sent to sign in.
pub struct Visitor {
    /// The session.
    pub session: Session,
    /// From where.
    pub address: IpAddr,
    /// Of the request.
    pub headers: HeaderMap,
}

impl Shared {
    /// For a device.
    pub fn new(access: Access, device: Arc<dyn Device>, limits: Limits) -> Self {
        let (jobs, streams) = (Jobs::default(), Arc::new(Semaphore::new(limits.streams_max)));
        Self { access, device, jobs, streams, limits, doctor: Mutex::default() }
    }

    /// Asks the device away from the runtime.
    ///
    /// # Errors
    /// [`Wrong`] when it panics.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Device) -> T + Send + 'static,
    ) -> Result<T, Wrong> {
        let device = Arc::clone(&self.device);
        let answer = tokio::task::spawn_blocking(move || question(device.as_ref())).await;
        answer.map_err(|_| Wrong::fault())
    }

    /// What the doctor finds; of several who ask at once only one has it look.
    ///
    /// # Errors
    /// What the device says.
    pub async fn doctor(&self) -> Result<Vec<Finding>, Wrong> {
        let mut kept = self.doctor.lock().await;
        if let Some((_, findings)) = kept.as_ref().filter(|(at, _)| at.elapsed() < DOCTOR_KEPT) {
            return Ok(findings.clone());
        }
        let findings = self.ask(|device| device.doctor()).await??;
        *kept = Some((Instant::now(), findings.clone()));
        Ok(findings)
    }

    /// Whether `caller` may act; that it was asked for is in the audit file then, and also when it was refused.
    ///
    /// # Errors
    /// [`Wrong`]; then nothing may be done.
    pub fn permit(&self, caller: &Caller, action: &str) -> Result<(), Wrong> {
        let may = caller.role == Role::Technician;
        self.record(caller, action, if may { "asked" } else { "not permitted" })?;
        if may { Ok(()) } else { Err(Wrong::role()) }
    }

    /// A line in the audit file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, caller: &Caller, action: &str, outcome: &str) -> Result<(), ConsoleError> {
        self.access.audit.record(&caller.who, caller.address, action, outcome)
    }

    /// Does something on the device for a technician, with a line in the audit file before and after.
    ///
    /// # Errors
    /// [`Wrong`] as of [`Shared::permit`] and of the device.
    pub async fn perform<T: Send + 'static>(
        &self,
        caller: &Caller,
        action: &str,
        work: impl FnOnce(&dyn Device) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Wrong> {
        self.permit(caller, action)?;
        let result = self.ask(work).await?;
        self.record(caller, action, if result.is_ok() { "done" } else { "failed" })?;
        Ok(result?)
    }

    /// Begins to change a model, and waits a moment for the end.
    ///
    /// # Errors
    /// [`Wrong`] when it cannot begin.
    pub async fn change_model(
        self: &Arc<Self>,
        caller: &Caller,
        model: Id,
        change: ModelChange,
    ) -> Result<Work, Wrong> {
        let action = format!("{} model {}", pages::change_text(change).to_lowercase(), model.short());
        self.permit(caller, &action)?;
        let mut job = self.jobs.begin(&format!("{} {}", pages::change_text(change), model.short()), &caller.who)?;
        let mut changes = self.jobs.changes();
        let (shared, caller) = (Arc::clone(self), caller.clone());
        tokio::task::spawn_blocking(move || {
            let result = shared.device.change_model(&model, change, &mut |progress| job.progress(progress));
            // The change is made, or not; that it cannot be written any more is in the log.
            let _ =
                shared.record(&caller, &action, if result.is_ok() { "done" } else { "failed" }).map_err(Wrong::from);
            job.end(match result {
                Ok(()) => Outcome { good: true, sentence: "Done.".into() },
                Err(fault) => Outcome { good: false, sentence: fault.to_string() },
            });
        });
        let ended = |work: &Work| work.outcome.is_some();
        let _ = timeout(CHANGE_WAIT, wait_until(&mut changes, || self.jobs.last().as_ref().is_none_or(ended))).await;
        self.jobs.last().ok_or_else(Wrong::fault)
    }

    /// A page for a visitor, with what is to be said to this one.
    pub fn show(&self, visitor: &Visitor, (title, place): (&str, Option<Place>), content: &Markup) -> Response {
        let notice = self.access.take_notice(&visitor.headers);
        let frame = Frame { title, place, session: Some(&visitor.session), notice: notice.as_ref() };
        Html(pages::page(&frame, content).into_string()).into_response()
    }
}

async fn wait_until(changes: &mut watch::Receiver<u64>, holds: impl Fn() -> bool) {
    while !holds() && changes.changed().await.is_ok() {}
}

impl Visitor {
    /// Whether a page only looks by itself for what is new.
    pub fn is_live(&self) -> bool {
        self.headers.contains_key(LIVE)
    }

    /// This one, for the audit file.
    pub fn caller(&self) -> Caller {
        Caller { who: self.session.name.clone(), role: self.session.role, address: self.address }
    }

    /// Whether a form holds the session's token.
    ///
    /// # Errors
    /// [`Wrong::form`].
    pub fn check(&self, form: &str) -> Result<(), Wrong> {
        if same(&self.session.csrf, form) { Ok(()) } else { Err(Wrong::form()) }
    }
}

impl FromRequestParts<Arc<Shared>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Response> {
        let session = shared.access.session(&parts.headers);
        let address = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let (Some(session), Some(address)) = (session, address) else {
            return Err(Redirect::to("/sign-in").into_response());
        };
        Ok(Self { session, address, headers: parts.headers.clone() })
    }
}

/// So that a part of a path that is no id is answered as one that is not there.
pub fn found<T>(parsed: Option<T>) -> Result<T, Wrong> {
    parsed.ok_or_else(|| Fault::NotFound.into())
}
