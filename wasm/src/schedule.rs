//! When to sync next, for hosts that use alarms instead of a process that waits.

use js_sys::{Object, Reflect};
use selvedge_core::host::Random as _;
use selvedge_core::json;
use selvedge_core::schedule::{self as core, Ended, Event, Next, Policy};
use selvedge_core::server::Backoff;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::host::{SystemRandom, now};
use crate::{Client, Error};

/// When to sync next: a state machine without a timer of its own. Report events to it, ask it for the next step, and store
/// its text, so that a worker that was stopped continues with the same state.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Schedule(core::Schedule);

#[wasm_bindgen]
impl Schedule {
    /// A new schedule, or one from a stored text. An invalid text gives a new schedule.
    #[wasm_bindgen(constructor)]
    pub fn new(saved: Option<String>) -> Schedule {
        let saved = saved.and_then(|text| json::from_str(&text).ok());
        Self(saved.unwrap_or_default())
    }

    /// Reports an event.
    ///
    /// Throws "input" if the event is unknown.
    pub fn tell(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "ScheduleEvent")] event: &str,
    ) -> Result<(), Error> {
        let event = match event {
            "started" => Event::Started,
            "active" => Event::Active,
            "idle" => Event::Idle,
            "woke" => Event::Woke,
            "network-back" => Event::NetworkBack,
            "asked-for" => Event::AskedFor,
            "began" => Event::Began,
            "changed" => Event::Changed { points: 301 },
            "alone" => Event::Devices { count: 1 },
            "several-devices" => Event::Devices { count: 2 },
            _ => {
                return Err(Error::input(
                    "unknown event: see the type ScheduleEvent for the events of a schedule",
                ));
            }
        };
        self.handle(event);
        Ok(())
    }

    /// Reports that a client's sync has ended; a sync that threw counts as failed.
    pub fn ended(&mut self, client: &Client) {
        let (how, backoff) = client
            .ended()
            .unwrap_or((Ended::Failed, Backoff::default()));
        self.handle(Event::Ended { how, backoff });
    }

    /// The next step: sync, wait until a time, or wait for a user's action.
    #[wasm_bindgen(unchecked_return_type = "NextSync")]
    pub fn next(&self) -> JsValue {
        let answer = Object::new();
        let set = |name: &str, value: JsValue| drop(Reflect::set(&answer, &name.into(), &value));
        match self.0.next(&Policy::FIREFOX, now()) {
            Next::Sync { is_asked_for, .. } => {
                set("next", "sync".into());
                set("isAskedFor", is_asked_for.into());
            }
            Next::Wait { until } => {
                set("next", "wait".into());
                set("until", (until.millis() as f64).into());
            }
            Next::Running => set("next", "running".into()),
            Next::ForPerson => set("next", "person".into()),
        }
        answer.into()
    }

    /// Until when the server refuses syncs, even ones that a user starts, in milliseconds since the Unix epoch.
    #[wasm_bindgen(js_name = refusedUntil)]
    pub fn refused_until(&self) -> Option<f64> {
        let until = self.0.refused_until(now())?;
        Some(until.millis() as f64)
    }

    /// The text to store.
    #[wasm_bindgen(js_name = toString)]
    pub fn to_text(&self) -> String {
        json::to_string(&self.0).unwrap_or_default()
    }
}

impl Schedule {
    fn handle(&mut self, event: Event) {
        let mut random = [0; 4];
        // Without random bytes the wait has no jitter.
        let _ = SystemRandom.fill(&mut random);
        let random = u32::from_le_bytes(random);
        self.0.handle(&Policy::FIREFOX, event, now(), random);
    }
}
