//! The documents of the DDI API that are used here. Fields that are not known are passed over: the server may be newer.

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Poll {
    #[serde(default)]
    config: Option<PollConfig>,
    #[serde(default, rename = "_links")]
    links: Links,
}

#[derive(Debug, Deserialize)]
struct PollConfig {
    #[serde(default)]
    polling: Option<Polling>,
}

#[derive(Debug, Deserialize)]
struct Polling {
    #[serde(default)]
    sleep: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Links {
    #[serde(default)]
    config_data: Option<Link>,
    #[serde(default)]
    deployment_base: Option<Link>,
    #[serde(default)]
    confirmation_base: Option<Link>,
    #[serde(default)]
    cancel_action: Option<Link>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    pub(crate) href: String,
}

impl Poll {
    /// `HH:MM:SS`.
    pub(crate) fn sleep(&self) -> Option<&str> {
        self.config.as_ref()?.polling.as_ref()?.sleep.as_deref()
    }

    pub(crate) const fn wants_facts(&self) -> bool {
        self.links.config_data.is_some()
    }

    /// The action that is to be done.
    pub(crate) fn deployment(&self) -> Option<u64> {
        number_behind(self.links.deployment_base.as_ref()?, "deploymentBase")
    }

    /// The action that waits for a confirmation; a link without a number means that none does.
    pub(crate) fn confirmation(&self) -> Option<u64> {
        number_behind(self.links.confirmation_base.as_ref()?, "confirmationBase")
    }

    /// The cancellation that waits for an answer: a number of its own on some servers.
    pub(crate) fn cancel(&self) -> Option<u64> {
        number_behind(self.links.cancel_action.as_ref()?, "cancelAction")
    }
}

/// The number behind a link's last segment `name`. Addresses are made of it, not of the link, so that a link to another
/// place leads nowhere.
fn number_behind(link: &Link, name: &str) -> Option<u64> {
    let path = link.href.split(['?', '#']).next()?;
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let number = segments.next()?;
    (segments.next() == Some(name)).then_some(())?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeploymentReply {
    pub(crate) deployment: Deployment,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConfirmationReply {
    pub(crate) confirmation: Deployment,
}

/// How a part of a deployment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Handling {
    Skip,
    Attempt,
    Forced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MaintenanceWindow {
    Available,
    Unavailable,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    pub(crate) download: Handling,
    pub(crate) update: Handling,
    #[serde(default)]
    pub(crate) maintenance_window: Option<MaintenanceWindow>,
    #[serde(default)]
    pub(crate) chunks: Vec<Chunk>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) artifacts: Vec<Artifact>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) hashes: Hashes,
    pub(crate) size: u64,
    #[serde(default, rename = "_links")]
    pub(crate) links: ArtifactLinks,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Hashes {
    #[serde(default)]
    pub(crate) sha256: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ArtifactLinks {
    #[serde(default)]
    pub(crate) download: Option<Link>,
    #[serde(default)]
    pub(crate) download_http: Option<Link>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelReply {
    pub(crate) cancel_action: CancelBody,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelBody {
    pub(crate) stop_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Execution {
    Proceeding,
    Closed,
    Rejected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Finished {
    None,
    Success,
    Failure,
}

/// What is told of an action or a cancellation.
#[derive(Debug, Serialize)]
pub(crate) struct Feedback {
    id: String,
    status: Status,
}

#[derive(Debug, Serialize)]
struct Status {
    execution: Execution,
    result: Outcome,
    details: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    finished: Finished,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

#[derive(Debug, Serialize)]
struct Progress {
    cnt: u8,
    of: u8,
}

impl Feedback {
    pub(crate) fn new(id: u64, execution: Execution, finished: Finished, words: &str) -> Self {
        let result = Outcome { finished, progress: None };
        Self { id: id.to_string(), status: Status { execution, result, details: vec![one_line(words)] } }
    }

    /// So many percent.
    pub(crate) fn with_percent(mut self, percent: u8) -> Self {
        self.status.result.progress = Some(Progress { cnt: percent, of: 100 });
        self
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ConfirmationFeedback {
    pub(crate) confirmation: &'static str,
    pub(crate) code: i32,
    pub(crate) details: Vec<String>,
}

impl ConfirmationFeedback {
    pub(crate) fn confirmed() -> Self {
        Self { confirmation: "confirmed", code: 1, details: vec![] }
    }

    pub(crate) fn denied(words: &str) -> Self {
        Self { confirmation: "denied", code: -1, details: vec![one_line(words)] }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ConfigData {
    pub(crate) mode: &'static str,
    pub(crate) data: std::collections::BTreeMap<String, String>,
}

/// Words as a server takes them: one line of at most 500 characters.
pub(crate) fn one_line(words: &str) -> String {
    words.chars().take(500).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_for_their_number_alone() {
        for (href, number) in [
            ("https://a.example/DEFAULT/controller/v1/box/deploymentBase/8?c=-21", Some(8)),
            ("http://elsewhere.example/deploymentBase/8/", Some(8)),
            ("deploymentBase/18446744073709551615", Some(u64::MAX)),
            ("deploymentBase/18446744073709551616", None),
            ("https://a.example/deploymentBase/", None),
            ("https://a.example/deploymentBase/8/feedback", None),
            ("https://a.example/deploymentBase/+8", None),
            ("https://a.example/other/8", None),
            ("", None),
        ] {
            let text = serde_json::json!({"_links": {"deploymentBase": {"href": href}}}).to_string();
            assert_eq!(serde_json::from_str::<Poll>(&text).unwrap().deployment(), number, "{href}");
        }
    }

    #[test]
    fn an_answer_of_a_newer_server_is_understood() {
        let text = r#"{"config":{"polling":{"sleep":"00:05:00","new":1}},"_links":{"installedBase":{"href":"a/installedBase/3"},
            "configData":{"href":"a/configData"},"confirmationBase":{"href":"a/confirmationBase"}},"new":{}}"#;
        let poll: Poll = serde_json::from_str(text).unwrap();
        assert_eq!((poll.sleep(), poll.wants_facts()), (Some("00:05:00"), true));
        assert_eq!((poll.deployment(), poll.confirmation(), poll.cancel()), (None, None, None));
        let empty: Poll = serde_json::from_str("{}").unwrap();
        assert_eq!((empty.sleep(), empty.wants_facts()), (None, false));
    }

    #[test]
    fn feedback_is_as_the_api_wants_it() {
        let long = "\u{e4}\n".repeat(300);
        let feedback = Feedback::new(8, Execution::Proceeding, Finished::None, &long).with_percent(40);
        let value = serde_json::to_value(feedback).unwrap();
        assert_eq!(value["id"], "8");
        assert_eq!(value["status"]["execution"], "proceeding");
        assert_eq!(
            value["status"]["result"],
            serde_json::json!({"finished": "none", "progress": {"cnt": 40, "of": 100}})
        );
        assert_eq!(value["status"]["details"][0].as_str().unwrap(), "\u{e4} ".repeat(250));
    }
}
