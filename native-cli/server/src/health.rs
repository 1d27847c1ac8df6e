//! Paths for load balancers and monitoring, under the names and in the forms of the reference server.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::app::App;
use super::reply::{Refusal, json_body};

/// An answer is good for so long: anybody may ask, and each look is a write to the disk.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The last look at the storage.
#[derive(Debug, Default)]
pub(super) struct LastBeat(Mutex<Option<(Instant, bool)>>);

impl LastBeat {
    /// Whether the storage works, by `look` unless it was looked at just now.
    async fn is_well(&self, look: impl Future<Output = bool>) -> bool {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, is_well)) if at.elapsed() < GOOD_FOR => is_well,
            _ => {
                let is_well = look.await;
                *last = Some((Instant::now(), is_well));
                is_well
            }
        }
    }
}

/// `GET /__heartbeat__`: whether the storage can be read and written.
pub(super) async fn heartbeat(State(app): State<Arc<App>>) -> Response {
    let look = async { app.storage.heartbeat().await.is_ok() };
    if app.last_beat.is_well(look).await {
        json_body(concat!(
            r#"{"status":"Ok","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""}"#
        ))
    } else {
        Refusal::Unavailable.into_response()
    }
}

/// `GET /__lbheartbeat__`: whether the process answers.
pub(super) async fn load_balancer_heartbeat() -> Response {
    json_body("{}")
}

/// `GET /__version__`: which program this is.
pub(super) async fn version() -> Response {
    json_body(concat!(
        r#"{"name":"selvedge","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_storage_is_looked_at_once_a_second() {
        let last = LastBeat::default();
        let expect = async |is_well| last.is_well(std::future::ready(is_well)).await;
        assert!(expect(true).await);
        assert!(expect(false).await, "not looked at again");
        tokio::time::advance(GOOD_FOR).await;
        assert!(!expect(false).await);
        assert!(!expect(true).await, "not looked at again");
        tokio::time::advance(GOOD_FOR).await;
        assert!(expect(true).await);
    }
}
