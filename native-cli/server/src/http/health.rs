//! Paths for load balancers and monitoring, as in the reference server.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::reply::{Refusal, json_body};

/// `GET /__heartbeat__`: whether the storage can be read and written.
pub(super) async fn heartbeat(State(app): State<Arc<App>>) -> Response {
    let check = async { app.storage.records.heartbeat().await.is_ok() };
    if app.last_heartbeat.is_healthy(check).await {
        json_body(concat!(
            r#"{"status":"Ok","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""}"#
        ))
    } else {
        Refusal::Unavailable.into_response()
    }
}

/// `GET /__lbheartbeat__`: whether the process responds.
pub(super) async fn load_balancer_heartbeat() -> Response {
    json_body("{}")
}

/// `GET /__version__`: the name and version of the program.
pub(super) async fn version() -> Response {
    json_body(concat!(
        r#"{"name":"selvedge","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    ))
}
