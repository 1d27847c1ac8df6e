//! The records of one POST before it is sent.

use alloc::vec::Vec;
use core::ops::Range;

use crate::ids::RecordId;
use crate::server::batch::Size;

/// Records with their JSON, in the order in which they were added.
pub(super) struct Held<T> {
    pub(super) json: Vec<u8>,
    pub(super) records: Vec<HeldRecord<T>>,
}

pub(super) struct HeldRecord<T> {
    pub(super) id: RecordId,
    pub(super) tag: T,
    pub(super) size: Size,
    /// The position of its JSON.
    pub(super) range: Range<usize>,
    /// Whether this is its second POST.
    pub(super) is_resent: bool,
}

impl<T> Held<T> {
    pub(super) const fn new() -> Self {
        Self {
            json: Vec::new(),
            records: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, id: RecordId, tag: T, size: Size, json: &[u8], is_resent: bool) {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        let start = self.json.len();
        self.json.extend_from_slice(json);
        self.records.push(HeldRecord {
            id,
            tag,
            size,
            range: start..self.json.len(),
            is_resent,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// UTF-8 bytes of the unescaped payloads.
    pub(super) fn payload_bytes(&self) -> u64 {
        self.records
            .iter()
            .map(|record| record.size.payload_bytes)
            .sum()
    }

    /// Splits a POST that is too large into two halves.
    pub(super) fn halves(self) -> (Self, Self) {
        let (mut first, mut second) = (Self::new(), Self::new());
        let middle = self.records.len().div_ceil(2);
        for (at, record) in self.records.into_iter().enumerate() {
            let json = self.json.get(record.range).unwrap_or_default();
            let half = if at < middle { &mut first } else { &mut second };
            half.push(record.id, record.tag, record.size, json, record.is_resent);
        }
        (first, second)
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.json.len() + 2);
        body.push(b'[');
        body.extend_from_slice(&self.json);
        body.push(b']');
        body
    }
}
