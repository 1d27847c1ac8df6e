//! The routes of the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use selvedge_santa::wire::Form;

use super::app::App;
use super::reply::{Refusal, body};
use super::stages;
use super::status::{MAX_SHOWN, status};

/// The stages with and without moroz's path prefix, and the status.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(show_status))
        .route("/{stage}/{machine}", post(stages::answer))
        .route("/v1/santa/{stage}/{machine}", post(stages::answer))
        .method_not_allowed_fallback(async || Refusal::Method)
        .fallback(async || Refusal::NotFound)
        .layer(from_fn_with_state(Arc::clone(&app), count))
        .with_state(app)
}

async fn show_status(State(app): State<Arc<App>>) -> Response {
    match serde_json::to_vec(&status(&app, MAX_SHOWN)) {
        Ok(bytes) => body(Form::Json, bytes),
        Err(_) => Refusal::Busy.into_response(),
    }
}

async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.requests.fetch_add(1, Ordering::Relaxed);
    if !app.log_requests {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let reply = next.run(request).await;
    let millis = started.elapsed().as_millis();
    eprintln!("{} {method} {path} {millis} ms", reply.status().as_u16());
    reply
}
