//! A request for a page that is under way: begun, and waited for later.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use crate::error::Result;
use crate::server::call::Reply;

/// A request under way.
pub(super) struct Asked<'c, B> {
    pub(super) answer: Answer<'c, B>,
    /// How many of the query's ids it asks for.
    pub(super) ids: usize,
}

pub(super) enum Answer<'c, B> {
    Awaited(Pin<Box<dyn Future<Output = Result<Reply<B>>> + 'c>>),
    Here(Result<Reply<B>>),
}

impl<B> Answer<'_, B> {
    /// Has the host begin, without waiting.
    pub(super) async fn begin(&mut self) {
        poll_fn(|context| {
            if let Self::Awaited(future) = self
                && let Poll::Ready(reply) = future.as_mut().poll(context)
            {
                *self = Self::Here(reply);
            }
            Poll::Ready(())
        })
        .await;
    }

    pub(super) async fn wait(self) -> Result<Reply<B>> {
        match self {
            Self::Awaited(future) => future.await,
            Self::Here(reply) => reply,
        }
    }
}
