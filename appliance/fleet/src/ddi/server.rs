//! The server's API over HTTPS. One connection per request; nothing of an answer reaches a message.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::config::AutoHeaderValue;
use ureq::http::{HeaderValue, Response};
use ureq::{Agent, Body};

use super::config::{DdiConfig, TokenKind};
use super::protocol::{
    CancelReply, ConfigData, ConfirmationFeedback, ConfirmationReply, Deployment, DeploymentReply, Feedback, Poll,
};
use crate::Secret;
use crate::address::Origin;
use crate::fault::Fault;
use crate::trust::{self, TrustFault};

/// The most that is read of an answer that is no bundle, in bytes.
const REPLY_BYTES_MAX: u64 = 256 * 1024;
/// The most that is read of an answer's header, in bytes.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// The most entries of config data, and the longest key and value in characters.
const FACTS_MAX: (usize, usize, usize) = (32, 32, 128);

/// Whether the server still wanted to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Taken,
    /// It does not know the action any more, or it is over there.
    Gone,
}

pub(crate) struct Server {
    agent: Agent,
    /// With tenant and controller.
    base: String,
    origin: Origin,
    artifact_origins: Vec<Origin>,
    token_file: PathBuf,
    token: TokenKind,
    silence: Duration,
    download: Duration,
}

impl Server {
    /// Reads the authorities; the token only at each request. `config` was checked.
    pub(crate) fn new(config: &DdiConfig) -> Result<Self, TrustFault> {
        // What was checked before is not wrong here.
        let origin_of = |url: &String| Origin::of_base(url).ok();
        let origin = origin_of(&config.url).ok_or(TrustFault::NoRoots)?;
        let artifact_origins: Vec<Origin> = config.artifact_origins.iter().filter_map(origin_of).collect();
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the token to a place that nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("mamoru/", env!("CARGO_PKG_VERSION")))
            .accept_encoding(AutoHeaderValue::None)
            .max_response_header_size(HEADER_BYTES_MAX)
            .max_idle_connections(0)
            .timeout_connect(Some(config.silence()))
            .timeout_recv_response(Some(config.silence()))
            .timeout_per_read(Some(config.silence()));
        let needs_roots = origin.is_tls || artifact_origins.iter().any(|origin| origin.is_tls);
        if needs_roots || config.ca_file.is_some() {
            builder = builder.tls_config(trust::tls(config.ca_file.as_deref())?);
        }
        let url = config.url.trim_end_matches('/');
        Ok(Self {
            agent: builder.build().into(),
            base: format!("{url}/{}/controller/v1/{}", config.tenant, config.controller),
            origin,
            artifact_origins,
            token_file: config.token_file.clone(),
            token: config.token,
            silence: config.silence(),
            download: config.download(),
        })
    }

    pub(crate) fn poll(&self) -> Result<Poll, Fault> {
        self.get("")
    }

    pub(crate) fn deployment(&self, id: u64) -> Result<Deployment, Fault> {
        Ok(self.get::<DeploymentReply>(&format!("/deploymentBase/{id}"))?.deployment)
    }

    pub(crate) fn confirmation(&self, id: u64) -> Result<Deployment, Fault> {
        Ok(self.get::<ConfirmationReply>(&format!("/confirmationBase/{id}"))?.confirmation)
    }

    /// The action that a cancellation is about.
    pub(crate) fn cancelled(&self, cancel: u64) -> Result<u64, Fault> {
        let reply: CancelReply = self.get(&format!("/cancelAction/{cancel}"))?;
        reply.cancel_action.stop_id.parse().map_err(|_| not_understood())
    }

    pub(crate) fn tell(&self, id: u64, feedback: &Feedback) -> Result<Heard, Fault> {
        self.post(&format!("/deploymentBase/{id}/feedback"), feedback)
    }

    pub(crate) fn tell_cancel(&self, cancel: u64, feedback: &Feedback) -> Result<Heard, Fault> {
        self.post(&format!("/cancelAction/{cancel}/feedback"), feedback)
    }

    pub(crate) fn tell_confirmation(&self, id: u64, feedback: &ConfirmationFeedback) -> Result<Heard, Fault> {
        self.post(&format!("/confirmationBase/{id}/feedback"), feedback)
    }

    /// Tells what this box is.
    pub(crate) fn tell_facts(&self, facts: BTreeMap<String, String>) -> Result<(), Fault> {
        let (entries, key, value) = FACTS_MAX;
        let cut = |text: String, chars: usize| text.chars().filter(|char| !char.is_control()).take(chars).collect();
        let facts = facts.into_iter().take(entries).map(|(name, fact)| (cut(name, key), cut(fact, value)));
        let body = body(&ConfigData { mode: "merge", data: facts.collect() })?;
        let request =
            self.agent.put(format!("{}/configData", self.base)).header("authorization", self.authorization()?);
        let request = request.config().timeout_global(Some(self.silence)).build();
        let response = request.header("content-type", "application/json").send(&body);
        success(response.map_err(|error| Fault::of_web(&error))?).map(drop)
    }

    /// May a bundle be fetched from there?
    pub(crate) fn may_fetch(&self, link: &str) -> bool {
        Origin::of(link).is_ok_and(|origin| origin == self.origin || self.artifact_origins.contains(&origin))
    }

    /// Begins to fetch a bundle, from byte `from` on where the server can.
    pub(crate) fn artifact(&self, link: &str, from: u64) -> Result<Response<Body>, Fault> {
        let mut request = self.agent.get(link).header("accept", "application/octet-stream");
        // The token is for the update server and nobody else.
        if Origin::of(link).is_ok_and(|origin| origin == self.origin) {
            request = request.header("authorization", self.authorization()?);
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request.config().timeout_global(Some(self.download)).build().call();
        response.map_err(|error| Fault::of_web(&error))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("accept", "application/hal+json");
        let request = request.header("authorization", self.authorization()?);
        let response = request.config().timeout_global(Some(self.silence)).build().call();
        let response = success(response.map_err(|error| Fault::of_web(&error))?)?;
        let mut bytes = Vec::new();
        let body = response.into_body().into_reader();
        body.take(REPLY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| Fault::of_io(&error))?;
        if bytes.len() as u64 > REPLY_BYTES_MAX {
            return Err(Fault::new("the server's answer is larger than 256 KiB"));
        }
        serde_json::from_slice(&bytes).map_err(|_| not_understood())
    }

    fn post(&self, path: &str, document: &impl Serialize) -> Result<Heard, Fault> {
        let body = body(document)?;
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", self.authorization()?);
        let request = request.config().timeout_global(Some(self.silence)).build();
        let response = request.header("content-type", "application/json").send(&body);
        let response = response.map_err(|error| Fault::of_web(&error))?;
        match response.status().as_u16() {
            // The address is right: the same one was polled just before.
            404 | 410 => Ok(Heard::Gone),
            _ => success(response).map(|_| Heard::Taken),
        }
    }

    fn authorization(&self) -> Result<HeaderValue, Fault> {
        let token = Secret::read(&self.token_file).map_err(|fault| Fault::new(fault.to_string()))?;
        let kind = match self.token {
            TokenKind::Target => "TargetToken",
            TokenKind::Gateway => "GatewayToken",
        };
        let value = HeaderValue::from_str(&format!("{kind} {}", token.expose()));
        let mut value = value.map_err(|_| Fault::new("the token cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn body(document: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(document).map_err(|_| Fault::new("a report cannot be written as JSON"))
}

fn not_understood() -> Fault {
    Fault::new("the server's answer is not understood: is `url` an update server with the DDI API, version 1?")
}

/// An answer that is a success.
pub(crate) fn success(response: Response<Body>) -> Result<Response<Body>, Fault> {
    if response.status().is_success() {
        return Ok(response);
    }
    let retry_after = response.headers().get("retry-after").map(HeaderValue::as_bytes);
    Err(Fault::of_status(response.status().as_u16(), retry_after))
}
