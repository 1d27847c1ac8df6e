//! The subjects that a NATS client subscribes to, and the meaning of their messages (spec §4.2).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message as _;

use super::message::Message;
use super::pb::SyncRequest;
use crate::draw::Draw;

const TAG: &str = "santa.tag.";
const HOST: &str = "santa.host.";

/// After this number of failed attempts the wait does not grow further.
const SLOW_RETRY_ATTEMPTS: u32 = 10;

/// A subject that a machine subscribes to.
///
/// ```
/// use selvedge_santa::push::{Message, Subject};
///
/// let subject = Subject::Tag("santa.tag.lab".into());
/// assert_eq!(subject.message(&[8, 0]), Some(Message::Tag { max_jitter: Some(0) }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// For a group of machines.
    Tag(String),
    /// For this machine.
    Host(String),
    /// This machine's commands, which require a response.
    Commands(String),
}

impl Subject {
    /// The subject's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let (Self::Tag(name) | Self::Host(name) | Self::Commands(name)) = self;
        name
    }

    /// The meaning of a message with this subject; `None` for commands, which a [`Gate`](super::Gate) validates.
    #[must_use]
    pub fn message(&self, payload: &[u8]) -> Option<Message> {
        match self {
            // An unreadable payload is treated as empty.
            Self::Tag(_) => Some(Message::Tag {
                max_jitter: SyncRequest::decode(payload).unwrap_or_default().max_jitter,
            }),
            Self::Host(_) => Some(Message::Full),
            Self::Commands(_) => None,
        }
    }
}

/// The subjects of a machine: those of a list that have a valid form, without duplicates, and its commands. The
/// machine's own subject must be in the list, otherwise it is omitted.
///
/// ```
/// use selvedge_santa::push::subjects;
///
/// let found = subjects(["santa.tag.lab", "santa.tag.a-b", "other"], "D1");
/// let names: Vec<&str> = found.iter().map(|subject| subject.as_str()).collect();
/// assert_eq!(names, ["santa.tag.lab", "santa.host.D1.commands"]);
/// ```
#[must_use]
pub fn subjects<'a>(listed: impl IntoIterator<Item = &'a str>, device: &str) -> Vec<Subject> {
    let mut found: Vec<Subject> = Vec::new();
    for name in listed {
        let subject = match (name.strip_prefix(TAG), name.strip_prefix(HOST)) {
            (Some(rest), _) if is_token(rest) => Subject::Tag(name.to_string()),
            (_, Some(rest)) if is_token(rest) => Subject::Host(name.to_string()),
            _ => continue,
        };
        if !found.contains(&subject) {
            found.push(subject);
        }
    }
    // A device id with separators or wildcards would match other machines' commands too.
    if is_plain(device) {
        found.push(Subject::Commands(format!("{HOST}{device}.commands")));
    }
    found
}

/// Whether a text is one token without a dash.
fn is_token(text: &str) -> bool {
    is_plain(text) && !text.contains('-')
}

/// Whether a text is one token: no separator, no wildcard, no line break.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'.' | b'*' | b'>'))
}

/// Milliseconds before a connection is retried after `attempts` failed attempts, from 1: one second, doubled each time
/// up to 256 seconds, plus or minus a quarter; from the tenth attempt on five to ten minutes.
///
/// ```
/// use selvedge_santa::Draw;
/// use selvedge_santa::push::connect_wait_millis;
///
/// assert_eq!(connect_wait_millis(1, Draw(1 << 31)), 1000);
/// assert!(connect_wait_millis(12, Draw(0)) >= 300_000);
/// ```
#[must_use]
pub fn connect_wait_millis(attempts: u32, draw: Draw) -> u64 {
    if attempts >= SLOW_RETRY_ATTEMPTS {
        return 300_000 + draw.below(300_001);
    }
    let seconds = 1_u64 << attempts.saturating_sub(1).min(8);
    seconds * 750 + draw.below(seconds * 500 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn subjects_are_validated() {
        let rows = [
            ("santa.tag.lab", Some(Subject::Tag("santa.tag.lab".into()))),
            ("santa.host.D1", Some(Subject::Host("santa.host.D1".into()))),
            ("santa.tag.", None),
            ("santa.tag.a.b", None),
            ("santa.tag.a-b", None),
            ("santa.tag.*", None),
            ("santa.tag.>", None),
            ("santa.tag.a b", None),
            ("santa.host.a\r\nPUB x", None),
            ("lab", None),
        ];
        for (name, expected) in rows {
            assert_eq!(subjects([name], "").first(), expected.as_ref(), "{name}");
        }
        assert_eq!(subjects(["santa.tag.a", "santa.tag.a"], "").len(), 1);
        assert_eq!(subjects([], "*"), []);
        assert_eq!(
            subjects([], "a-b"),
            [Subject::Commands("santa.host.a-b.commands".into())]
        );
    }

    #[test]
    fn waits_grow_and_stay_within_their_limits() {
        for attempts in 0..20 {
            let (min, max) = (
                connect_wait_millis(attempts, Draw(0)),
                connect_wait_millis(attempts, Draw(u32::MAX)),
            );
            let base = 1000 << attempts.clamp(1, 9).saturating_sub(1);
            match attempts {
                10.. => assert_eq!((min, max), (300_000, 600_000)),
                _ => assert_eq!((min, max), (base * 3 / 4, base * 5 / 4), "{attempts}"),
            }
        }
    }
}
