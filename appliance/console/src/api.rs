//! The machine interface: the same data and actions as the pages, as JSON. One table makes both the paths and their description.
//! Who studies are of is not in it.

mod handlers;
mod machine;
mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, any, get, post};

use crate::routes::Shared;

/// One thing that a machine can ask for.
pub struct Operation {
    /// `get` or `post`.
    pub method: &'static str,
    /// With its parameters in braces.
    pub path: &'static str,
    /// For readers of the description.
    pub summary: &'static str,
    /// Names of parameters behind the question mark.
    pub query: &'static [&'static str],
    /// What it answers when all is well.
    pub answer: Answer,
    /// With which status.
    pub status: u16,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// JSON of a schema.
    Json(&'static str),
    /// Nothing.
    Nothing,
    /// A picture.
    Png,
    /// Server-sent events.
    Events,
}

type Entry = (Operation, MethodRouter<Arc<Shared>>);

const fn reads(path: &'static str, schema: &'static str, summary: &'static str) -> Operation {
    Operation { method: "get", path, summary, query: &[], answer: Answer::Json(schema), status: 200 }
}

const fn acts(path: &'static str, answer: Answer, status: u16, summary: &'static str) -> Operation {
    Operation { method: "post", path, summary, query: &[], answer, status }
}

const fn with_query(operation: Operation, query: &'static [&'static str]) -> Operation {
    Operation { query, ..operation }
}

const fn with_answer(operation: Operation, answer: Answer) -> Operation {
    Operation { answer, ..operation }
}

/// Those that answer soon.
fn short() -> Vec<Entry> {
    use handlers as to;
    const PICTURE: &str = "/api/v1/studies/{study}/images/{image}/picture";
    const HEAT_MAP: &str = "/api/v1/studies/{study}/images/{image}/heat-map";
    let deliveries = reads("/api/v1/deliveries", "Deliveries", "Deliveries, those that need a person first");
    let studies = reads("/api/v1/studies", "Studies", "Studies, the one that received an image last first");
    let logs = reads("/api/v1/logs", "LogLines", "The last lines of the log, the youngest last");
    let change =
        "Changes what a model is: activate, confirm, roll-back, remove or shadow. It may go on after the answer";
    let events = "Events `overview`, `studies` and `work` when they change, with a heartbeat each 15 s";
    vec![
        (reads("/api/v1/overview", "Overview", "The device in one glance"), get(to::overview)),
        (with_query(studies, &["skip", "take"]), get(to::studies)),
        (reads("/api/v1/studies/{study}", "Study", "All of a study, but who it is of"), get(to::study)),
        (with_answer(reads(PICTURE, "", "An image as PNG"), Answer::Png), get(to::picture)),
        (with_answer(reads(HEAT_MAP, "", "An image with its heat map as PNG"), Answer::Png), get(to::heat_map)),
        (with_query(deliveries, &["state", "destination", "skip", "take"]), get(to::deliveries)),
        (
            acts("/api/v1/deliveries/{delivery}/retry", Answer::Nothing, 204, "Has a delivery tried again at once"),
            post(to::retry),
        ),
        (reads("/api/v1/destinations", "Destinations", "Where results go"), get(to::destinations)),
        (reads("/api/v1/models", "Models", "The models on the device"), get(to::models)),
        (acts("/api/v1/models/{model}/{change}", Answer::Json("Work"), 202, change), post(to::change_model)),
        (reads("/api/v1/work", "MaybeWork", "The work on models that is under way, or was the last"), get(to::work)),
        (with_query(logs, &["level", "containing", "take"]), get(to::logs)),
        (reads("/api/v1/settings", "Settings", "The effective configuration, secrets removed"), get(to::settings)),
        (reads("/api/v1/drift", "Drift", "How scores, exclusions and intensities lie now and before"), get(to::drift)),
        (reads("/api/v1/versions", "Versions", "Versions of all parts"), get(to::versions)),
        (with_answer(reads("/api/v1/events", "", events), Answer::Events), get(to::events)),
    ]
}

/// Those that wait for a destination, a check or a bundle.
fn long() -> Vec<Entry> {
    use handlers as to;
    let test_send = "Sends the result of a synthetic exam to a destination";
    vec![
        (reads("/api/v1/doctor", "Findings", "Everything that can be looked at"), get(to::doctor)),
        (
            acts(
                "/api/v1/destinations/{destination}/echo",
                Answer::Json("Answer"),
                200,
                "Asks a destination whether it is there",
            ),
            post(to::echo),
        ),
        (
            acts("/api/v1/destinations/{destination}/test-send", Answer::Json("Answer"), 200, test_send),
            post(to::test_send),
        ),
        (
            acts("/api/v1/models", Answer::Json("Installed"), 201, "Takes a bundle, which is the body, and checks it"),
            post(to::install).layer(DefaultBodyLimit::disable()),
        ),
    ]
}

/// The paths of those that answer soon, and of those that may take minutes.
pub fn routes() -> (Router<Arc<Shared>>, Router<Arc<Shared>>) {
    let join = |router: Router<Arc<Shared>>, (operation, handler): Entry| router.route(operation.path, handler);
    let soon = short().into_iter().fold(Router::new(), join);
    let soon = soon
        .route("/api/v1/openapi.json", get(|| async { openapi::document() }))
        .route("/api/{*rest}", any(|| async { machine::nothing_here() }));
    (soon, long().into_iter().fold(Router::new(), join))
}

/// All operations.
fn operations() -> impl Iterator<Item = Operation> {
    short().into_iter().chain(long()).map(|(operation, _)| operation)
}
