//! The routes, and the headers that all replies have in common.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use selvedge_core::server::Dialect;

use super::app::App;
use super::reply::{LogReason, Refusal};
use super::{
    accounts, accounts_pages, accounts_server, collection, cors, dialect, health, host_check, info,
    nodes, record, token_server, www,
};
use crate::storage::wall_clock;

/// All of the server's paths.
pub(crate) fn router(app: Arc<App>) -> Router {
    let paths = match app.dialect {
        // With an accounts server, `/` is the page that Firefox opens to sign in.
        Dialect::V1_5 if app.accounts_server.is_some() => {
            paths_1_5().merge(accounts_pages::paths())
        }
        Dialect::V1_5 => paths_1_5(),
        Dialect::V1_1 => paths_1_1(),
    };
    let paths = paths.method_not_allowed_fallback(async || Refusal::MethodNotAllowed);
    let prefix = app
        .public_url
        .as_ref()
        .map(|url| url.prefix.clone())
        .unwrap_or_default();
    let all = if prefix.is_empty() {
        paths
    } else {
        Router::new().nest(&prefix, paths.clone()).merge(paths)
    };
    let all = match www::pages(&app) {
        Some(pages) => all.fallback(async move |request: Request| pages.answer(request).await),
        None => all.fallback(async || Refusal::NotFound),
    };
    all.layer(from_fn_with_state(Arc::clone(&app), add_common_headers))
        .with_state(app)
}

/// The paths for load balancers, in every dialect.
fn health_paths() -> Router<Arc<App>> {
    Router::new()
        .route("/__heartbeat__", get(health::heartbeat))
        .route("/__lbheartbeat__", get(health::load_balancer_heartbeat))
        .route("/__version__", get(health::version))
}

/// The paths of the token server and of the storage (spec §1.9, §3.2).
fn paths_1_5() -> Router<Arc<App>> {
    let store = || delete(collection::delete_store);
    health_paths()
        .route("/1.0/accounts", post(accounts::create))
        .route("/v1/{*path}", any(accounts_server::answer))
        .route(
            "/.well-known/fxa-client-configuration",
            get(accounts_server::client_configuration),
        )
        .route("/1.0/sync/1.5", get(token_server::answer))
        .route(
            "/invitation/{invitation}/1.0/sync/1.5",
            get(token_server::answer_invited),
        )
        .route(
            "/1.0/{application}/{version}",
            get(token_server::unsupported),
        )
        .route("/1.5/{uid}", store())
        .route("/1.5/{uid}/", store())
        .route("/1.5/{uid}/info/collections", get(info::collections))
        .route(
            "/1.5/{uid}/info/collection_counts",
            get(info::collection_counts),
        )
        .route(
            "/1.5/{uid}/info/collection_usage",
            get(info::collection_usage),
        )
        .route("/1.5/{uid}/info/quota", get(info::quota))
        .route("/1.5/{uid}/info/configuration", get(info::configuration))
        .route("/1.5/{uid}/storage", store())
        .route("/1.5/{uid}/storage/", store())
        .route(
            "/1.5/{uid}/storage/{collection}",
            get(collection::get)
                .post(collection::post)
                .delete(collection::delete),
        )
        .route(
            "/1.5/{uid}/storage/{collection}/{id}",
            get(record::get).put(record::put).delete(record::delete),
        )
}

/// The paths of the dialect 1.1 (spec §1.13, §3.10).
fn paths_1_1() -> Router<Arc<App>> {
    let store = || delete(collection::delete_store);
    health_paths()
        .route("/user/1.0/{username}/node/weave", get(nodes::node))
        .route("/1.1/{username}/info/collections", get(info::collections))
        .route(
            "/1.1/{username}/info/collection_counts",
            get(info::collection_counts),
        )
        .route(
            "/1.1/{username}/info/collection_usage",
            get(info::collection_usage),
        )
        .route("/1.1/{username}/info/quota", get(info::quota))
        .route("/1.1/{username}/storage", store())
        .route("/1.1/{username}/storage/", store())
        .route(
            "/1.1/{username}/storage/{collection}",
            get(collection::get)
                .post(collection::post)
                .delete(collection::delete),
        )
        .route(
            "/1.1/{username}/storage/{collection}/{id}",
            get(record::get).put(record::put).delete(record::delete),
        )
}

/// A path without the invitation that it may contain.
fn loggable(path: &str) -> String {
    match path.split_once("/invitation/") {
        Some((prefix, rest)) => {
            let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
            format!("{prefix}/invitation/…/{rest}")
        }
        None => path.to_owned(),
    }
}

/// Refuses other hosts, answers preflights, and sets the time and the CORS headers of every reply.
async fn add_common_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    // The time at arrival. Read after a write, it could be later than the write's own time; a client that stores it as the
    // time of its last read would miss what was written in between.
    let arrived = wall_clock::now();
    let method = request.method().clone();
    let path = app.log_requests.then(|| loggable(request.uri().path()));
    let origins = app.origins();
    let origin = origins.allowed(request.headers()).cloned();
    let mut reply = if app.checks_host && !host_check::is_allowed(request.uri(), request.headers())
    {
        host_check::refused()
    } else if origin.is_some() && method == Method::OPTIONS && cors::is_preflight(request.headers())
    {
        cors::preflight(request.headers())
    } else {
        next.run(request).await
    };
    dialect::set_time(app.dialect, &mut reply, arrived);
    cors::expose(&origins, origin, reply.headers_mut());
    if let Some(path) = path {
        let millis = started.elapsed().as_millis();
        let status = reply.status().as_u16();
        match reply.extensions().get::<LogReason>() {
            Some(LogReason(reason)) => eprintln!("{status} {method} {path} {millis} ms: {reason}"),
            None => eprintln!("{status} {method} {path} {millis} ms"),
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_not_logged() {
        for (path, logged) in [
            ("/1.0/sync/1.5", "/1.0/sync/1.5"),
            (
                "/invitation/secret/1.0/sync/1.5",
                "/invitation/…/1.0/sync/1.5",
            ),
            ("/a/invitation/secret", "/a/invitation/…/"),
        ] {
            assert_eq!(loggable(path), logged);
        }
    }
}
