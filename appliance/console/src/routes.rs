//! What answers to which path.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use serde::Deserialize;

use crate::access::{Access, FORM, SESSION, SignIn, cookie};
use crate::device::Device;
use crate::{ConsoleError, metrics, pages, random_token, same};

const BODY_BYTES_MAX: usize = 16 * 1024;
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const CSP: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The address of who asks.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

struct Shared {
    access: Access,
    device: Arc<dyn Device>,
}

type Console = State<Arc<Shared>>;

/// All paths.
pub fn router(access: Access, device: Arc<dyn Device>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css")], include_str!("style.css")) }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(Arc::new(Shared { access, device }))
}

/// A deadline for each request, and the headers of each answer.
async fn guard(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_WAIT, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
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

/// Asks the device away from the runtime.
async fn ask<T: Send + 'static>(
    shared: &Arc<Shared>,
    question: impl FnOnce(&dyn Device) -> T + Send + 'static,
) -> Result<T, StatusCode> {
    let device = Arc::clone(&shared.device);
    let answer = tokio::task::spawn_blocking(move || question(device.as_ref())).await;
    answer.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn readyz(State(shared): Console) -> Result<Response, StatusCode> {
    let checks = ask(&shared, |device| device.readiness()).await?;
    let ready = checks.iter().all(|check| check.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ready": ready, "checks": checks }).to_string();
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn metrics_text(State(shared): Console) -> Result<Response, StatusCode> {
    let text = ask(&shared, |device| metrics::render(&device.metrics())).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn overview(State(shared): Console, headers: HeaderMap) -> Result<Response, StatusCode> {
    let Some(session) = shared.access.session(&headers) else { return Ok(Redirect::to("/sign-in").into_response()) };
    let overview = ask(&shared, |device| device.overview()).await?;
    Ok(Html(pages::overview(&overview, &session).into_string()).into_response())
}

#[derive(Deserialize)]
struct SignInForm {
    form: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
struct PlainForm {
    form: String,
}

async fn sign_in_form() -> Result<Response, StatusCode> {
    form_again(StatusCode::OK, None)
}

fn form_again(status: StatusCode, fault: Option<&str>) -> Result<Response, StatusCode> {
    let form = random_token().map_err(|error| broken(&error))?;
    let page = Html(pages::sign_in(&form, fault).into_string());
    Ok((status, [(header::SET_COOKIE, set_cookie(FORM, &form))], page).into_response())
}

async fn sign_in(
    State(shared): Console,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, StatusCode> {
    if !cookie(&headers, FORM).is_some_and(|expected| expected.len() == 64 && same(expected, &form.form)) {
        return form_again(StatusCode::FORBIDDEN, Some("The form was too old. Please sign in again."));
    }
    match shared.access.sign_in(&form.name, form.password, address).await.map_err(|error| broken(&error))? {
        SignIn::Done(token) => {
            Ok(([(header::SET_COOKIE, set_cookie(SESSION, &token))], Redirect::to("/")).into_response())
        }
        SignIn::Refused => form_again(
            StatusCode::UNAUTHORIZED,
            Some("Name or password is wrong, or the name is locked after failures. Try again, or wait five minutes."),
        ),
        SignIn::TooOften => {
            form_again(StatusCode::TOO_MANY_REQUESTS, Some("Too many attempts. Wait a minute and try again."))
        }
    }
}

async fn sign_out(
    State(shared): Console,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<PlainForm>,
) -> Result<Response, StatusCode> {
    let session = shared.access.session(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
    if !same(&session.csrf, &form.form) {
        return Err(StatusCode::FORBIDDEN);
    }
    shared.access.sign_out(&headers, &session, address).map_err(|error| broken(&error))?;
    Ok(Redirect::to("/sign-in").into_response())
}

fn set_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict")
}

fn broken(error: &ConsoleError) -> StatusCode {
    tracing::error!(%error, "the console cannot answer");
    StatusCode::INTERNAL_SERVER_ERROR
}
