//! An update server with the DDI API: one action at a time, and whatever goes wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use contract::Digest;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::TOKEN;
use crate::http::{Reply, Request, Server};
use crate::power::Power;

/// A rollout to the box.
#[derive(Clone)]
pub struct Action {
    pub id: u64,
    /// What is sent.
    pub file: Vec<u8>,
    /// What is said of it.
    pub artifacts: Value,
    pub download: &'static str,
    pub update: &'static str,
    pub window: Option<&'static str>,
    pub needs_confirmation: bool,
}

impl Action {
    pub fn of(id: u64, file: &[u8]) -> Self {
        let artifact = json!({"filename": "model.mbundle", "size": file.len(),
            "hashes": {"sha256": Digest::of(file).to_string(), "md5": "", "sha1": ""},
            "_links": {"download": {"href": "HERE/DEFAULT/controller/v1/box-7/softwaremodules/1/artifacts/model.mbundle"}}});
        Self {
            id,
            file: file.into(),
            artifacts: json!([artifact]),
            download: "forced",
            update: "forced",
            window: None,
            needs_confirmation: false,
        }
    }
}

/// What the server knows and does.
pub struct Rollouts {
    pub action: Option<Action>,
    /// Number of the cancellation, and of the action.
    pub cancel: Option<(u64, u64)>,
    pub wants_facts: bool,
    pub facts: Option<Value>,
    /// All feedback: where, and what.
    pub heard: Vec<(String, Value)>,
    closed: BTreeMap<u64, String>,
    pub sleep: Value,
    /// What the next request to an address with this text gets.
    pub faults: Vec<(&'static str, Reply)>,
    /// The Range header of each download.
    pub downloads: Vec<Option<String>>,
    pub has_ranges: bool,
    pub polls: u32,
    pub scheme: &'static str,
    /// When so much of the bundle is downloaded, this is cancelled.
    pub cancels_at_feedback: Option<(u64, u64)>,
}

pub struct Hawkbit {
    server: Server,
    rollouts: Arc<Mutex<Rollouts>>,
}

impl Hawkbit {
    pub fn start(power: Arc<Power>) -> Self {
        Self::start_with(power, None)
    }

    pub fn start_with(power: Arc<Power>, tls: Option<ServerConfig>) -> Self {
        let rollouts = Arc::new(Mutex::new(Rollouts {
            action: None,
            cancel: None,
            wants_facts: false,
            facts: None,
            heard: vec![],
            closed: BTreeMap::new(),
            sleep: json!("00:05:00"),
            faults: vec![],
            downloads: vec![],
            has_ranges: true,
            polls: 0,
            scheme: "TargetToken",
            cancels_at_feedback: None,
        }));
        let shared = rollouts.clone();
        let server = Server::start(tls, move |request| {
            // A box without power asks nothing, and hears no answer.
            if !power.step() {
                return Reply::Nothing;
            }
            let reply = shared.lock().unwrap().answer(request);
            if power.step() { reply } else { Reply::Nothing }
        });
        Self { server, rollouts }
    }

    pub fn url(&self) -> String {
        self.server.url.clone()
    }

    pub fn rollouts(&self) -> MutexGuard<'_, Rollouts> {
        self.rollouts.lock().unwrap()
    }

    pub fn roll_out(&self, action: Action) {
        let mut action = action;
        let artifacts = action.artifacts.to_string().replace("HERE", &self.server.url);
        action.artifacts = serde_json::from_str(&artifacts).unwrap();
        self.rollouts().action = Some(action);
    }

    pub fn fault(&self, at: &'static str, reply: Reply) {
        self.rollouts().faults.push((at, reply));
    }

    /// `success`, or `failure` with the reason.
    pub fn closed(&self, id: u64) -> Option<String> {
        self.rollouts().closed.get(&id).cloned()
    }

    /// Forgets how an action ended.
    pub fn forget(&self, id: u64) {
        self.rollouts().closed.remove(&id);
    }

    /// The feedback in short.
    pub fn heard(&self) -> Vec<String> {
        let short = |(path, body): &(String, Value)| {
            let status = &body["status"];
            let words = status["details"][0].as_str().or(body["details"][0].as_str()).unwrap_or_default();
            let execution = status["execution"].as_str().or(body["confirmation"].as_str()).unwrap_or_default();
            format!("{path} {execution} {} {words}", status["result"]["finished"].as_str().unwrap_or_default())
        };
        self.rollouts().heard.iter().map(short).collect()
    }
}

impl Rollouts {
    fn answer(&mut self, request: &Request) -> Reply {
        let base = "/DEFAULT/controller/v1/box-7";
        let path = request.path.strip_prefix(base).expect("the box's own address").to_owned();
        let expected = format!("{} {TOKEN}", self.scheme);
        if request.header("authorization") != Some(expected.as_str()) {
            return Reply::status(401);
        }
        if path.contains("softwaremodules") {
            self.downloads.push(request.header("range").map(str::to_owned));
        }
        if let Some(at) = self.faults.iter().position(|(at, _)| path.contains(at) || (at.is_empty() && path.is_empty()))
        {
            return self.faults.remove(at).1;
        }
        match (request.method.as_str(), path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", [""]) => self.poll(base),
            ("PUT", ["configData"]) => {
                self.wants_facts = false;
                self.facts = Some(serde_json::from_slice(&request.body).unwrap());
                Reply::status(200)
            }
            ("GET", [kind @ ("deploymentBase" | "confirmationBase"), id]) => self.deployment(kind, id),
            ("GET", ["cancelAction", id]) => match self.cancel {
                Some((cancel, stop)) if cancel.to_string() == *id => {
                    Reply::json(&json!({"id": id, "cancelAction": {"stopId": stop.to_string()}}))
                }
                _ => Reply::status(404),
            },
            ("GET", ["softwaremodules", ..]) => self.download(request.header("range")),
            ("POST", [kind, id, "feedback"]) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                self.heard.push((format!("{kind}/{id}"), body.clone()));
                self.feedback(kind, id.parse().unwrap(), &body)
            }
            other => panic!("{other:?}"),
        }
    }

    fn poll(&mut self, base: &str) -> Reply {
        self.polls += 1;
        let mut links = json!({"installedBase": {"href": format!("https://x{base}/installedBase/1")}});
        let link = |kind: &str, id: u64| json!({"href": format!("https://behind.a.proxy{base}/{kind}/{id}?c=-1")});
        match (&self.action, self.cancel) {
            (_, Some((cancel, _))) => links["cancelAction"] = link("cancelAction", cancel),
            (Some(action), _) if action.needs_confirmation => {
                links["confirmationBase"] = link("confirmationBase", action.id)
            }
            (Some(action), _) => links["deploymentBase"] = link("deploymentBase", action.id),
            (None, None) => links["confirmationBase"] = json!({"href": format!("https://x{base}/confirmationBase")}),
        }
        if self.wants_facts {
            links["configData"] = json!({"href": format!("https://x{base}/configData")});
        }
        Reply::json(&json!({"config": {"polling": {"sleep": self.sleep}}, "_links": links}))
    }

    fn deployment(&self, kind: &str, id: &str) -> Reply {
        let Some(action) = self.action.as_ref().filter(|action| action.id.to_string() == *id) else {
            return Reply::status(404);
        };
        let mut deployment = json!({"download": action.download, "update": action.update,
            "chunks": [{"part": "model", "version": "1", "name": "m", "artifacts": action.artifacts}]});
        if let Some(window) = action.window {
            deployment["maintenanceWindow"] = window.into();
        }
        let key = if kind == "deploymentBase" { "deployment" } else { "confirmation" };
        Reply::json(&json!({"id": id, key: deployment}))
    }

    fn download(&self, range: Option<&str>) -> Reply {
        let file = self.action.as_ref().map(|action| action.file.clone()).unwrap_or_default();
        let from = range.filter(|_| self.has_ranges).map(|range| {
            range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse::<usize>().unwrap()
        });
        match from {
            None => Reply::Whole(200, vec![], file),
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", file.len() - 1, file.len());
                Reply::Whole(206, vec![("Content-Range".into(), range)], file[from..].to_vec())
            }
        }
    }

    fn feedback(&mut self, kind: &str, id: u64, body: &Value) -> Reply {
        let (execution, finished) = (&body["status"]["execution"], &body["status"]["result"]["finished"]);
        match kind {
            "deploymentBase" => {
                if self.action.as_ref().is_none_or(|action| action.id != id) {
                    return Reply::status(410);
                }
                self.cancel = self.cancel.or(self.cancels_at_feedback.take());
                if execution == "closed" {
                    assert!(self.closed.insert(id, closing(finished, body)).is_none(), "closed twice");
                    self.wants_facts = finished == "success";
                    (self.action, self.cancel) = (None, None);
                }
            }
            "cancelAction" => {
                assert_eq!(self.cancel.take().map(|(cancel, _)| cancel), Some(id));
                if execution == "closed" {
                    self.action = None;
                }
            }
            _ => {
                let action = self.action.as_mut().filter(|action| action.id == id).unwrap();
                action.needs_confirmation = body["confirmation"] != "confirmed";
            }
        }
        Reply::status(200)
    }
}

fn closing(finished: &Value, body: &Value) -> String {
    match finished.as_str() {
        Some("success") => "success".into(),
        finished => format!("{} {}", finished.unwrap(), body["status"]["details"][0].as_str().unwrap()),
    }
}
