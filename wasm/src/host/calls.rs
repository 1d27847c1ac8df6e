//! Calls that are under way: whoever closes a client waits until there are none.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsValue;

use super::JsHost;
use crate::Error;

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    running: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

/// A call that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Call(Rc<JsHost>);

impl Call {
    /// Begins a call, unless the client is closed: what was begun before may come to its end.
    pub(crate) fn begin(host: &Rc<JsHost>) -> Result<Self, Error> {
        host.opened()?;
        let running = &host.calls.running;
        running.set(running.get().saturating_add(1));
        Ok(Self(Rc::clone(host)))
    }

    /// What the store threw when it failed last.
    pub(crate) fn thrown(&self) -> Option<JsValue> {
        self.0.store.take_thrown()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Calls { running, waiting } = &self.0.calls;
        running.set(running.get().saturating_sub(1));
        if running.get() == 0 {
            waiting.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Calls {
    /// Waits until none is under way.
    pub(super) async fn ended(&self) {
        poll_fn(|context| {
            if self.running.get() == 0 {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
