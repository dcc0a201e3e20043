//! What answers to which path.

mod actions;
mod install;
mod shared;
mod signing;
mod views;
mod wrong;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::watch;

pub use install::by_body as install_body;
pub use shared::{Caller, Shared, Visitor, found};
pub use views::{Asked, delivery_state, log_filter, png, window};
pub use wrong::Wrong;

use crate::{api, metrics};

const BODY_BYTES_MAX: usize = 16 * 1024;
/// For an answer to begin.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// For an answer to begin that waits for a destination, or for a bundle.
const LONG_ANSWER_WAIT: Duration = Duration::from_secs(590);
const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The address of who asks.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Turns true when the console stops.
#[derive(Clone)]
pub struct Stop(pub watch::Receiver<bool>);

/// What the console has, in each handler.
pub type Console = State<Arc<Shared>>;

/// All paths.
pub fn router(shared: Arc<Shared>) -> Router {
    let (api, long_api) = api::routes();
    let short = pages()
        .merge(api)
        .fallback(views::nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(|request, next| within(ANSWER_WAIT, request, next)));
    let uploads = Router::new().route("/models/install", post(install::by_form)).layer(DefaultBodyLimit::disable());
    let long = Router::new()
        .route("/destinations/{name}/echo", post(actions::echo))
        .route("/destinations/{name}/test-send", post(actions::test_send))
        .route("/health", get(views::doctor))
        .merge(long_api)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(uploads)
        .layer(middleware::from_fn(|request, next| within(LONG_ANSWER_WAIT, request, next)));
    short.merge(long).layer(middleware::map_response(with_headers)).with_state(shared)
}

fn pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(views::overview))
        .route("/studies", get(views::studies))
        .route("/studies/{study}", get(views::study))
        .route("/studies/{study}/{image}/picture", get(views::picture))
        .route("/studies/{study}/{image}/heat-map", get(views::heat_map))
        .route("/deliveries", get(views::deliveries))
        .route("/deliveries/{delivery}/retry", post(actions::retry))
        .route("/destinations", get(views::destinations))
        .route("/models", get(views::models))
        .route("/models/{model}/{change}", post(actions::change_model))
        .route("/logs", get(views::logs))
        .route("/drift", get(views::drift))
        .route("/settings", get(views::settings))
        .route("/account", get(views::account))
        .route("/account/password", post(actions::change_password))
        .route("/account/identifiers", post(actions::show_identifiers))
        .route("/account/tokens", post(actions::make_token))
        .route("/account/tokens/{name}/remove", post(actions::remove_token))
        .route("/sign-in", get(signing::form).post(signing::sign_in))
        .route("/sign-out", post(signing::sign_out))
        .route("/style.css", get(|| file("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/live.js", get(|| file("text/javascript; charset=utf-8", include_str!("live.js"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A deadline for each request.
async fn within(wait: Duration, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(wait, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// The headers of each answer.
async fn with_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn readyz(State(shared): Console) -> Result<Response, Wrong> {
    let checks = shared.ask(|device| device.readiness()).await?;
    let ready = checks.iter().all(|check| check.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ready": ready, "checks": checks }).to_string();
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn metrics_text(State(shared): Console) -> Result<Response, Wrong> {
    let text = shared.ask(|device| metrics::render(&device.metrics())).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
