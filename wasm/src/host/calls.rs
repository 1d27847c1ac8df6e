//! Counts running calls: closing a client waits until there are none.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsValue;

use super::JsHost;
use crate::Error;

/// The number of running calls, and the tasks that wait for 0.
#[derive(Debug, Default)]
pub(super) struct Calls {
    running: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

/// A running call, until this is dropped.
#[derive(Debug)]
pub(crate) struct Call(Rc<JsHost>);

impl Call {
    /// Begins a call, unless the client is closed. Calls that began before the close may complete.
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
    /// Waits until no call is running.
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
