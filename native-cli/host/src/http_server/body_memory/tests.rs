use std::task::{Context, Poll};

use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::*;

const MIB: u64 = 1024 * 1024;

fn user(number: u64) -> Owner {
    Owner::User(number)
}

/// A body whose parts a test sends.
struct Sent(mpsc::UnboundedReceiver<Bytes>);

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

fn sent() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::new(Sent(receiver)))
}

/// A body that brings `bytes` at once, again and again after `pause`.
struct Dripping {
    left: usize,
    bytes: usize,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl HttpBody for Dripping {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.sleep.as_mut().poll(context));
        self.left -= 1;
        let next = Instant::now() + self.pause;
        self.sleep.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.bytes].into()))))
    }
}

fn dripping(count: usize, bytes: usize, pause: Duration) -> Body {
    Body::new(Dripping {
        left: count,
        bytes,
        pause,
        sleep: Box::pin(tokio::time::sleep(pause)),
    })
}

fn announced(length: u64) -> HeaderMap {
    [(header::CONTENT_LENGTH, length.into())]
        .into_iter()
        .collect()
}

#[test]
fn a_body_gets_what_its_owner_and_the_others_leave() {
    // Of 90: with all others, of the owner, of the body, more.
    for (used, of_owner, of_body, more, expected) in [
        // Alone: a third, so that the owner can have half with another body, and the others the rest.
        (0, 0, 0, 30, true),
        (0, 0, 0, 31, false),
        (29, 29, 29, 1, true),
        (30, 30, 30, 1, false),
        // Beside an owner who has half.
        (45, 45, 0, 1, false),
        (45, 0, 0, 15, true),
        (45, 0, 0, 16, false),
        // A second body of an owner who has a third.
        (30, 30, 0, 10, true),
        (30, 30, 0, 11, false),
        // Nothing is left.
        (90, 0, 0, 1, false),
        (100, 0, 0, 1, false),
        (0, 0, 0, u64::MAX, false),
    ] {
        assert_eq!(
            fits(90, used, of_owner, of_body, more),
            expected,
            "{used} {of_owner} {of_body} {more}"
        );
    }
}

#[test]
fn many_bodies_of_one_owner_leave_half_to_the_others_and_some_to_the_owner() {
    let memory = BodyMemory::with_total(64 * MIB);
    let mut bodies = [0; 500];
    // Each takes what it gets.
    for _ in 0..200 {
        for body in &mut bodies {
            if memory.reserve(user(1), *body, 64 * 1024, false) {
                *body += 64 * 1024;
            }
        }
    }
    assert!(bodies.iter().sum::<u64>() <= 32 * MIB);
    assert!(memory.reserve(user(1), 0, 16 * 1024, false));
    assert!(memory.reserve(user(2), 0, 10 * MIB, false));
}

#[test]
fn addresses_of_one_network_are_one_owner() {
    let owner = |text: &str| Owner::of_address(text.parse().unwrap());
    assert_eq!(owner("2001:db8::1"), owner("2001:db8::ffff:1"));
    assert_ne!(owner("2001:db8::1"), owner("2001:db8:0:1::1"));
    assert_eq!(owner("192.0.2.1"), owner("::ffff:192.0.2.1"));
    assert_ne!(owner("192.0.2.1"), owner("192.0.2.2"));
}

#[tokio::test(start_paused = true)]
async fn what_is_only_announced_takes_no_room() {
    let memory = BodyMemory::with_total(MIB);
    let headers = announced(MIB);
    let (_senders, bodies): (Vec<_>, Vec<_>) = (0..100).map(|_| sent()).unzip();
    let reads = bodies
        .into_iter()
        .map(|body| memory.read(user(1), &headers, body, MIB));
    let mut reads: Vec<_> = reads.map(Box::pin).collect();
    for read in &mut reads {
        assert!(futures_util::future::poll_immediate(read).await.is_none());
    }
    assert_eq!(memory.used().total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_refused() {
    let memory = BodyMemory::with_total(64 * MIB);
    for (count, bytes, pause, expected) in [
        (3, 10, 19, Err(BodyError::TooSlow)),
        (3, 30 * 1024, 19, Err(BodyError::TooSlow)),
        (3, 50 * 1024, 19, Ok(150 * 1024)),
        (1, 10, 19, Ok(10)),
        (1, 10, 21, Err(BodyError::TooSlow)),
        // Fast enough, but never done.
        (1000, 50 * 1024, 10, Err(BodyError::TooSlow)),
    ] {
        let body = dripping(count, bytes, Duration::from_secs(pause));
        let headers = HeaderMap::new();
        let read = memory.read(user(1), &headers, body, 60 * MIB);
        let length = read.await.map(|received| received.bytes.len());
        assert_eq!(length, expected, "{count} times {bytes} after {pause} s");
    }
    assert_eq!(memory.used().total, 0);
    assert!(memory.used().by_owner.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let memory = BodyMemory::with_total(MIB);
    for headers in [announced(101), HeaderMap::new()] {
        let body = Body::from(vec![b'x'; 101]);
        let read = memory.read(user(1), &headers, body, 100).await;
        assert_eq!(read.map(|_| ()), Err(BodyError::TooLarge { limit: 100 }));
    }
    let body = Body::from(vec![b'x'; 100]);
    let received = memory.read(user(1), &HeaderMap::new(), body, 100).await;
    let received = received.unwrap();
    assert_eq!(received.bytes.len(), 100);
    assert_eq!(memory.used().total, 100);
    drop(received);
    assert_eq!(memory.used().total, 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_need_more_than_there_is_end_one_after_the_other() {
    let memory = BodyMemory::with_total(4 * MIB);
    let reads = (0..40).map(|number| {
        let memory = &memory;
        async move {
            let body = dripping(16, 64 * 1024, Duration::from_millis(10));
            let read = memory.read(user(number), &announced(MIB), body, MIB).await;
            read.map(|received| received.bytes.len() as u64)
        }
    });
    for length in futures_util::future::join_all(reads).await {
        assert_eq!(length, Ok(MIB));
    }
    assert_eq!(memory.used().total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_finds_no_room_is_refused_in_the_end() {
    let memory = BodyMemory::with_total(MIB);
    assert!(memory.reserve(user(1), 0, MIB, true));
    let _beyond = memory.beyond_share.acquire().await.unwrap();
    let started = Instant::now();
    let headers = HeaderMap::new();
    let read = memory.read(user(2), &headers, Body::from("x"), 10);
    assert_eq!(read.await.map(|_| ()), Err(BodyError::NoRoom));
    assert_eq!(started.elapsed(), ROOM_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_of_one_owner_do_not_delay_another_owner() {
    let memory = BodyMemory::for_requests_of(2 * MIB);
    let slow = async {
        let reads = (0..200).map(|_| async {
            let body = dripping(1000, 30 * 1024, Duration::from_secs(10));
            memory
                .read(user(1), &announced(2 * MIB), body, 2 * MIB)
                .await
        });
        futures_util::future::join_all(reads).await
    };
    let other = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        let started = Instant::now();
        let body = Body::from(vec![b'x'; usize::try_from(2 * MIB).unwrap()]);
        let headers = announced(2 * MIB);
        let read = memory.read(user(2), &headers, body, 2 * MIB);
        assert!(read.await.is_ok());
        started.elapsed()
    };
    tokio::select! {
        _ = slow => panic!("they are slow"),
        waited = other => assert_eq!(waited, Duration::ZERO),
    }
}
