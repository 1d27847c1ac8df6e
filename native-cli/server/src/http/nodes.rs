//! `GET /user/1.0/<username>/node/weave`: the server of a user's storage, in the dialect 1.1 (spec §1.13).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::app::App;
use super::reply::{Refusal, WeaveCode};
use crate::model::Node;

/// Replies with a URL, or `null` for a user without a node. Needs no authentication.
pub(super) async fn node(
    State(app): State<Arc<App>>,
    Path(username): Path<String>,
) -> Result<Response, Refusal> {
    let user = app.storage.accounts.user(username).await?;
    let user = user.ok_or(Refusal::BadRequest(WeaveCode::InvalidUser))?;
    let text = match user.node {
        Node::Here => format!("{}/", app.base_url),
        Node::At(url) => format!("{url}/"),
        Node::Nowhere => "null".to_owned(),
    };
    let mut reply = Response::new(Body::from(text));
    let plain = HeaderValue::from_static("text/plain");
    reply.headers_mut().insert(header::CONTENT_TYPE, plain);
    Ok(reply)
}
