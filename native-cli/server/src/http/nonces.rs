//! Protection against replays (spec §2.5): stores accepted requests until their tokens expire. Clients' clocks are not
//! trusted, so a request's own time does not show its age.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::nonce_file::{Entry, NonceFile};

/// Maximum number of stored requests. Beyond it, the tokens that expire soonest are treated as expired, and their clients
/// request new ones. A hash set of `n` numbers allocates 9 bytes for each of the next power of two above 8/7 `n`: with this
/// maximum 19 MB, with one more entry twice as much.
const MAX_REQUESTS: usize = (1 << 21) / 8 * 7;

/// Requests by the minute in which their tokens expire.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    by_minute: BTreeMap<u64, HashSet<u64>>,
    count: usize,
    /// Tokens that expire in this minute or earlier are treated as expired; 0 if there are none.
    retired: u64,
    file: Option<NonceFile>,
}

/// A request with a valid signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// When its token expires, in seconds.
    pub(super) expires: u64,
    /// The first bytes of its MAC. Two requests with one MAC are one request sent twice.
    pub(super) mac: u64,
    /// Whether performing it twice would change anything.
    pub(super) is_write: bool,
}

/// Whether a request was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Never seen.
    Fresh,
    /// Seen before.
    Replayed,
    /// Its token is treated as expired to save memory.
    Retired,
}

impl Nonces {
    /// Reads the requests that an earlier process stored, and updates the file from now on.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn open(path: &Path, now: u64) -> std::io::Result<Self> {
        let mut seen = Seen::default();
        NonceFile::read(path, |entry| match entry {
            Entry::Seen { minute, mac } => {
                seen.insert(minute, mac, now);
            }
            Entry::Retired { minute } => seen.retired = seen.retired.max(minute),
        })?;
        seen.forget_expired(now);
        seen.file = Some(NonceFile::create(path, seen.entries())?);
        Ok(Self {
            seen: Mutex::new(seen),
        })
    }

    /// Checks a request and stores it, unless its token has expired.
    pub(super) fn judge(&self, request: Request, now: u64) -> Freshness {
        self.judge_within(request, now, MAX_REQUESTS)
    }

    fn judge_within(&self, request: Request, now: u64, max_requests: usize) -> Freshness {
        // After a panic the set lacks at most one entry.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_expired(now);
        let minute = request.expires / 60;
        if minute <= seen.retired {
            return Freshness::Retired;
        }
        if request.expires <= now {
            return Freshness::Fresh;
        }
        if !seen.insert(minute, request.mac, now) {
            return Freshness::Replayed;
        }
        let entry = Entry::Seen {
            minute,
            mac: request.mac,
        };
        seen.append(entry, request.is_write);
        if seen.count > max_requests {
            seen.retire_soonest();
        }
        Freshness::Fresh
    }
}

impl Seen {
    /// False if it was present.
    fn insert(&mut self, minute: u64, mac: u64, now: u64) -> bool {
        if minute < now / 60 {
            return true;
        }
        let is_new = self.by_minute.entry(minute).or_default().insert(mac);
        self.count += usize::from(is_new);
        is_new
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some(soonest) = self.by_minute.first_entry()
            && *soonest.key() < now / 60
        {
            self.count -= soonest.remove().len();
        }
    }

    fn retire_soonest(&mut self) {
        if let Some((minute, requests)) = self.by_minute.pop_first() {
            self.count -= requests.len();
            self.retired = minute;
            self.append(Entry::Retired { minute }, true);
        }
    }

    fn append(&mut self, entry: Entry, at_once: bool) {
        let Some(mut file) = self.file.take() else {
            return;
        };
        let done = match file.append(entry, at_once) {
            Ok(()) if file.is_mostly_old(self.count) => {
                let path = file.path().to_owned();
                NonceFile::create(&path, self.entries())
            }
            Ok(()) => Ok(file),
            Err(error) => Err(error),
        };
        match done {
            Ok(file) => self.file = Some(file),
            // The requests in memory still protect until the process ends.
            Err(error) => eprintln!(
                "selvedge serve: cannot write the file of seen requests: {error}; replays of requests from now on are possible \
                 after a restart"
            ),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let retired = (self.retired > 0).then_some(Entry::Retired {
            minute: self.retired,
        });
        let seen = self.by_minute.iter().flat_map(|(&minute, requests)| {
            requests.iter().map(move |&mac| Entry::Seen { minute, mac })
        });
        retired.into_iter().chain(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn request(expires: u64, mac: u64) -> Request {
        Request {
            expires,
            mac,
            is_write: false,
        }
    }

    #[test]
    fn a_request_is_fresh_once_as_long_as_its_token_lives() {
        let nonces = Nonces::default();
        let now = 1000 * HOUR;
        for (expires, mac, now, expected) in [
            (now + HOUR, 1, now, Freshness::Fresh),
            (now + HOUR, 1, now, Freshness::Replayed),
            (now + HOUR, 2, now, Freshness::Fresh),
            (now + HOUR, 1, now + HOUR - 1, Freshness::Replayed),
            (now + 2 * HOUR, 3, now + HOUR, Freshness::Fresh),
            // Expired: only `info/collections` takes it, and nothing is remembered.
            (now + HOUR, 1, now + HOUR, Freshness::Fresh),
        ] {
            assert_eq!(
                nonces.judge(request(expires, mac), now),
                expected,
                "{expires} {mac} {now}"
            );
        }
    }

    #[test]
    fn what_expired_is_forgotten() {
        let nonces = Nonces::default();
        for second in 0..2 * HOUR {
            nonces.judge(request(second + 600, second), second);
        }
        let seen = nonces.seen.lock().unwrap();
        assert!(seen.by_minute.len() <= 12, "{}", seen.by_minute.len());
        assert!(seen.count <= 720, "{}", seen.count);
    }

    #[test]
    fn beyond_the_maximum_the_tokens_that_expire_soonest_are_retired() {
        let nonces = Nonces::default();
        let judge = |expires, mac| nonces.judge_within(request(expires, mac), 60, 3);
        assert_eq!(judge(600, 1), Freshness::Fresh);
        assert_eq!(judge(700, 2), Freshness::Fresh);
        assert_eq!(judge(700, 3), Freshness::Fresh);
        assert_eq!(judge(700, 4), Freshness::Fresh);
        assert_eq!(judge(600, 1), Freshness::Retired);
        assert_eq!(judge(600, 9), Freshness::Retired);
        assert_eq!(judge(700, 2), Freshness::Replayed);
        assert_eq!(judge(700, 5), Freshness::Fresh);
        assert_eq!(judge(700, 5), Freshness::Retired);
        assert!(nonces.seen.lock().unwrap().count <= 3);
    }

    #[test]
    fn a_restart_forgets_nothing_that_still_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nonces");
        let now = 1000 * HOUR;
        let first = Nonces::open(&path, now).unwrap();
        for mac in 0..1000 {
            let is_write = mac == 999;
            let request = Request {
                is_write,
                ..request(now + HOUR, mac)
            };
            assert_eq!(first.judge(request, now), Freshness::Fresh);
        }
        // As a kill leaves it: nothing is closed or flushed.
        std::mem::forget(first);
        let second = Nonces::open(&path, now + 1).unwrap();
        for mac in 0..1000 {
            let again = second.judge(request(now + HOUR, mac), now + 1);
            assert_eq!(again, Freshness::Replayed, "{mac}");
        }
        assert_eq!(
            second.judge_within(request(now + HOUR, 1000), now + 1, 1000),
            Freshness::Fresh
        );
        drop(second);
        let third = Nonces::open(&path, now + 2).unwrap();
        assert_eq!(
            third.judge(request(now + HOUR, 5000), now + 2),
            Freshness::Retired
        );
        drop(third);
        drop(Nonces::open(&path, now + 3 * HOUR).unwrap());
        assert!(std::fs::metadata(&path).unwrap().len() < 100);
    }
}
