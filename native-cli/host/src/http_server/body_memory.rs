//! Reads request bodies into memory that all requests share, and refuses bodies that come too slowly.
//!
//! Memory is reserved as bytes arrive, not for the announced length. An owner (a user, or an address without
//! authentication) may hold at most as much as stays free for the other owners, and each of the owner's bodies at most as
//! much as stays free of the owner's share. So the first owner gets half of the memory, the next one half of the rest,
//! and there is always room for a small body of another owner, regardless of the number of bodies of one owner.
//!
//! Bodies that all wait for each other would never end: therefore one body at a time, the one that waits longest, may go
//! on beyond its share.

mod pace;

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use self::pace::{MIN_BYTES, Pace, WINDOW};

/// The smallest memory for bodies.
const MIN_TOTAL: u64 = 64 * 1024 * 1024;
/// A body that takes longer than this is refused, whatever its rate.
const MAX_TIME: Duration = Duration::from_secs(300);
/// A body waits at most this long for memory.
const ROOM_TIMEOUT: Duration = Duration::from_secs(30);
/// Memory that is reserved with the first bytes of a body that is longer.
const FIRST_CAPACITY: u64 = 64 * 1024;

/// Whose share of the memory a body takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An authenticated user.
    User(u64),
    /// The other end of a connection, before authentication or without any.
    Address(IpAddr),
}

impl Owner {
    /// The owner for an address. All addresses of one IPv6 network (64 bits) are one owner, because one machine can use
    /// them all.
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It has more bytes than the request may have.
    #[error("the body is larger than {limit} bytes: send less in one request")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The client sends too slowly.
    #[error(
        "the body came too slowly: at least {MIN_BYTES} bytes must come every {} seconds, and all of them within {} seconds. Send it again, in smaller parts on a slow connection",
        WINDOW.as_secs(),
        MAX_TIME.as_secs()
    )]
    TooSlow,
    /// The connection broke.
    #[error("the connection was closed before the whole body was received: send it again")]
    Broken,
    /// Other requests take all memory.
    #[error("the server has no free memory for this body: send it again later")]
    NoRoom,
}

impl BodyError {
    /// The status that says so.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The memory for the request bodies of a server.
#[derive(Debug)]
pub struct BodyMemory {
    total: u64,
    used: Mutex<Used>,
    freed: Notify,
    beyond_share: Semaphore,
}

#[derive(Debug, Default)]
struct Used {
    total: u64,
    by_owner: HashMap<Owner, u64>,
}

/// A body that was read, and the room that it takes. What is made of the body takes about as much, so the room is held
/// until that is gone too.
#[derive(Debug)]
pub struct Received<'a> {
    /// The body.
    pub bytes: Vec<u8>,
    /// The memory that it holds until it is dropped.
    pub room: Room<'a>,
}

/// Memory that a body has reserved; it is free again when this is dropped.
#[derive(Debug)]
pub struct Room<'a> {
    memory: &'a BodyMemory,
    owner: Owner,
    bytes: u64,
    beyond_share: Option<SemaphorePermit<'a>>,
}

/// Whether a body that has `of_body` bytes, with others of its owner `of_owner`, with all others `used`, may have `more`.
fn fits(total: u64, used: u64, of_owner: u64, of_body: u64, more: u64) -> bool {
    let free = total.saturating_sub(used.saturating_add(more));
    let free_of_share = free.checked_sub(of_owner.saturating_add(more));
    free_of_share.is_some_and(|free| of_body.saturating_add(more) <= free)
}

impl BodyMemory {
    /// Memory for several bodies of `max_request_bytes` at once.
    #[must_use]
    pub fn for_requests_of(max_request_bytes: u64) -> Self {
        // A third of it is what one body may have.
        Self::with_total(max_request_bytes.saturating_mul(4).max(MIN_TOTAL))
    }

    fn with_total(total: u64) -> Self {
        Self {
            total,
            used: Mutex::default(),
            freed: Notify::new(),
            beyond_share: Semaphore::new(1),
        }
    }

    /// Reads a whole body of at most `limit` bytes, waiting for room where there is none.
    ///
    /// # Errors
    /// When the body is larger, comes too slowly or not at all, or no room came free.
    pub async fn read(
        &self,
        owner: Owner,
        headers: &HeaderMap,
        body: Body,
        limit: u64,
    ) -> Result<Received<'_>, BodyError> {
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge { limit });
        }
        let mut received = Received {
            bytes: Vec::new(),
            room: Room {
                memory: self,
                owner,
                bytes: 0,
                beyond_share: None,
            },
        };
        let reading = received.read(body, announced.unwrap_or(limit), limit);
        timeout(MAX_TIME, reading)
            .await
            .unwrap_or(Err(BodyError::TooSlow))?;
        Ok(received)
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves memory for a body that has `of_body` bytes already, if it fits into its share.
    fn reserve(&self, owner: Owner, of_body: u64, more: u64, beyond_share: bool) -> bool {
        let mut used = self.used();
        let of_owner = used.by_owner.get(&owner).copied().unwrap_or_default();
        if !beyond_share && !fits(self.total, used.total, of_owner, of_body, more) {
            return false;
        }
        used.total += more;
        *used.by_owner.entry(owner).or_default() += more;
        true
    }
}

impl Received<'_> {
    async fn read(&mut self, mut body: Body, expected: u64, limit: u64) -> Result<(), BodyError> {
        let mut pace = Pace::start(Instant::now());
        while let Some(data) = next_data(&mut body, &mut pace).await? {
            let length = (self.bytes.len() + data.len()) as u64;
            if length > limit {
                return Err(BodyError::TooLarge { limit });
            }
            if length > self.room.bytes {
                let capacity = (self.room.bytes * 2)
                    .max(FIRST_CAPACITY)
                    .min(expected)
                    .max(length);
                self.room.grow(capacity - self.room.bytes).await?;
                let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
                self.bytes.reserve_exact(capacity - self.bytes.len());
                // It is not the client that was slow.
                pace = Pace::start(Instant::now());
            }
            self.bytes.extend_from_slice(&data);
        }
        Ok(())
    }
}

impl Room<'_> {
    /// Reserves more, within the share or as the one body that may go beyond.
    async fn grow(&mut self, more: u64) -> Result<(), BodyError> {
        let memory = self.memory;
        if !memory.reserve(self.owner, self.bytes, more, self.beyond_share.is_some()) {
            let permit = timeout(ROOM_TIMEOUT, self.wait(more)).await;
            if let Some(permit) = permit.map_err(|_| BodyError::NoRoom)? {
                self.beyond_share = Some(permit);
                memory.reserve(self.owner, self.bytes, more, true);
            }
        }
        self.bytes += more;
        Ok(())
    }

    /// Waits until there is room, and reserves it; or, if that comes first, for the permit to go beyond the share.
    async fn wait<'a>(&self, more: u64) -> Option<SemaphorePermit<'a>>
    where
        Self: 'a,
    {
        let memory = self.memory;
        let mut permit = pin!(memory.beyond_share.acquire());
        loop {
            let mut freed = pin!(memory.freed.notified());
            // What is freed from now on wakes this body.
            freed.as_mut().enable();
            if memory.reserve(self.owner, self.bytes, more, false) {
                return None;
            }
            tokio::select! {
                () = freed => {}
                permit = &mut permit => return permit.ok(),
            }
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        {
            let mut used = self.memory.used();
            used.total = used.total.saturating_sub(self.bytes);
            if let Some(of_owner) = used.by_owner.get_mut(&self.owner) {
                *of_owner = of_owner.saturating_sub(self.bytes);
                if *of_owner == 0 {
                    used.by_owner.remove(&self.owner);
                }
            }
        }
        self.memory.freed.notify_waiters();
    }
}

/// The next bytes of a body, if it comes fast enough.
async fn next_data(body: &mut Body, pace: &mut Pace) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        match timeout_at(pace.window_ends(), frame).await {
            Err(_) if pace.is_too_slow(Instant::now()) => return Err(BodyError::TooSlow),
            Err(_) => {}
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(frame))) => {
                // Trailers are not part of the body.
                if let Ok(data) = frame.into_data() {
                    pace.add(data.len());
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
