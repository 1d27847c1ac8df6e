//! A reply's body that is there whole, but in several parts.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

struct Parts {
    left: u64,
    parts: IntoIter<Bytes>,
}

/// The parts as one body, whose length is announced.
pub(super) fn body(parts: Vec<Bytes>) -> Body {
    let left = parts.iter().map(|part| part.len() as u64).sum();
    Body::new(Parts {
        left,
        parts: parts.into_iter(),
    })
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
        for (parts, whole) in [
            (&[][..], ""),
            (&[""], ""),
            (&["a"], "a"),
            (&["ab", "", "c"], "abc"),
        ] {
            let parts = parts.iter().map(|part| Bytes::from(*part)).collect();
            let body = body(parts);
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(to_bytes(body, 10).await.unwrap(), whole);
        }
    }
}
