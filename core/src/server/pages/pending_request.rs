//! A pending request for a page: started, and awaited later.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use crate::error::Result;
use crate::server::call::Reply;

/// A pending request.
pub(super) struct PendingRequest<'c, B> {
    pub(super) answer: Answer<'c, B>,
    /// The number of the query's ids that it requests.
    pub(super) ids: usize,
}

pub(super) enum Answer<'c, B> {
    Awaited(Pin<Box<dyn Future<Output = Result<Reply<B>>> + 'c>>),
    Here(Result<Reply<B>>),
}

impl<B> Answer<'_, B> {
    /// Lets the host start the request without waiting for the response.
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
