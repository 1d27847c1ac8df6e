//! Bodies of replies that consist of chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

struct Parts {
    left: u64,
    parts: IntoIter<Bytes>,
}

/// A complete body, with its length.
pub(super) fn whole(parts: Vec<Bytes>) -> Body {
    let left = parts.iter().map(|part| part.len() as u64).sum();
    Body::new(Parts {
        left,
        parts: parts.into_iter(),
    })
}

/// A body that arrives in chunks, of which an empty one is the end. Without it the connection is cut, so that no client takes
/// a part for the whole.
pub(super) fn stream(receiver: mpsc::Receiver<Bytes>) -> Body {
    Body::new(Chunks {
        receiver,
        is_complete: false,
    })
}

struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    is_complete: bool,
}

/// The storage failed while the body was sent.
#[derive(Debug, thiserror::Error)]
#[error("the list is incomplete")]
struct Incomplete;

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        self.receiver.poll_recv(context).map(|chunk| match chunk {
            Some(chunk) if chunk.is_empty() => {
                self.is_complete = true;
                None
            }
            Some(chunk) => Some(Ok(Frame::data(chunk))),
            None if self.is_complete => None,
            None => Some(Err(Incomplete)),
        })
    }
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.find(|part| !part.is_empty());
        if let Some(part) = &part {
            self.left -= part.len() as u64;
        }
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn the_parts_come_in_order_and_their_length_is_known() {
        for (parts, content) in [
            (&[][..], ""),
            (&[""], ""),
            (&["a"], "a"),
            (&["ab", "", "c"], "abc"),
        ] {
            let parts = parts.iter().map(|part| Bytes::from(*part)).collect();
            let body = whole(parts);
            assert_eq!(body.size_hint().exact(), Some(content.len() as u64));
            assert_eq!(to_bytes(body, 10).await.unwrap(), content);
        }
    }
}
