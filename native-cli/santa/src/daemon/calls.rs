//! The answer to each call of the socket (spec §5.4). Slow work runs in tasks, outside the event loop.

use std::rc::Rc;

use selvedge_core::host::StoreError;
use selvedge_santa::ipc::{Call, Fault};
use selvedge_santa::{Kind, Settings, Wake};
use serde_json::{Value, json};
use tokio::task::spawn_local;

use super::event_loop::{EventLoop, Flow};
use super::peers::{PendingCall, Reply};
use super::waiters::Waiter;
use crate::{Runner, SantaStore, Snapshot};

impl EventLoop {
    /// Answers a call, now or later.
    pub(super) async fn answer(&mut self, pending: PendingCall) -> Flow {
        let PendingCall { call, reply } = pending;
        match call {
            Call::ServiceStop => {
                self.log
                    .say("asked", "the agent requests the daemon to stop");
                reply.deliver(Ok(json!({}))).await;
                return Flow::Stop;
            }
            Call::Status => reply.answer(self.status().await.map_err(|_| Fault::Store)),
            Call::PushStatus => reply.answer(Ok(self.pushes.status())),
            Call::PushReconnect => {
                self.pushes.reconnect();
                reply.answer(Ok(json!({})));
            }
            Call::SyncRun { kind, log, wait } => self.sync_run(kind, log, wait, reply),
            Call::ServerCheck => self.spawn_answer(reply, |_, runner| async move {
                let check = runner.check().await;
                Ok(json!({"http": check.http, "text": check.text}))
            }),
            Call::EventsPost { events, key } => self.spawn_answer(reply, |event_loop, runner| {
                event_loop.posts.clone().post(runner, events, key)
            }),
            Call::EventsPostBundle { event } => self.spawn_answer(reply, |event_loop, runner| {
                event_loop.posts.clone().post_bundle(runner, event)
            }),
        }
        Flow::Continue
    }

    /// Runs work that needs a server in a task, and answers when it has finished.
    fn spawn_answer<F>(&self, reply: Reply, work: impl FnOnce(&Self, Rc<Runner>) -> F)
    where
        F: Future<Output = Result<Value, Fault>> + 'static,
    {
        let Some(runner) = self.runner() else {
            return reply.answer(Err(Fault::NotConfigured));
        };
        let work = work(self, Rc::clone(runner));
        spawn_local(async move { reply.answer(work.await) });
    }

    fn sync_run(&mut self, kind: Kind, log: bool, wait: bool, reply: Reply) {
        if self.runner().is_none() {
            return reply.answer(Err(Fault::NotConfigured));
        }
        match self.request_sync(Wake::AskedFor(kind)) {
            Ok(()) => self.waiters.push(Waiter::new(reply, log, wait)),
            Err(_full) => reply.answer(Err(Fault::Busy)),
        }
    }

    /// The result of `status`. Times are in milliseconds since the Unix epoch by the wall clock.
    async fn status(&self) -> Result<Value, StoreError> {
        let snapshot = match self.runner() {
            Some(runner) => Snapshot::read(runner.store(), &runner.config().own).await?,
            None => {
                let store = SantaStore::open(&self.paths.store_path())?;
                Snapshot::read(&store, &Settings::default()).await?
            }
        };
        let wall = |at| self.clock.wall(at);
        let runner = self.runner();
        let has_server = runner.is_some();
        let mut status = json!({
            "pid": std::process::id(),
            "started": self.started,
            "server": runner.and_then(|runner| runner.config().base_url.as_deref()),
            "machine_id": runner.map(|runner| runner.machine_id()),
            "network": self.is_online(),
            "push": self.pushes.status(),
            "interval_seconds": self.schedule.interval(),
            "next_full_sync": self.schedule.full_at().filter(|_| has_server).map(wall),
            "next_rule_sync": self.schedule.rules_at().filter(|_| has_server).map(wall),
            "running": self.schedule.running(),
            "waiting": self.waiters.len(),
            "errors": errors(snapshot.last_sync.as_ref()),
        });
        if let (Some(all), Ok(Value::Object(known))) =
            (status.as_object_mut(), serde_json::to_value(&snapshot))
        {
            all.extend(known);
        }
        Ok(status)
    }
}

/// The error of each stage that failed in the last sync.
fn errors(last_sync: Option<&Value>) -> Value {
    let stages = [
        "preflight",
        "log_upload",
        "event_upload",
        "rule_download",
        "postflight",
    ];
    let failed = stages.into_iter().filter_map(|stage| {
        let error = last_sync?.get(stage)?.get("error")?.clone();
        Some((stage.to_owned(), error))
    });
    Value::Object(failed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stages_that_failed_have_an_error() {
        let last = json!({"preflight": "done", "event_upload": {"code": "refused", "error": "status 500"}});
        assert_eq!(errors(Some(&last)), json!({"event_upload": "status 500"}));
        assert_eq!(errors(None), json!({}));
    }
}
