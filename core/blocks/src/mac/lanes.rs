//! Several hashes in parallel, one per lane of a vector, for machines without SHA-256 instructions.
//!
//! A single hash waits for its own result at every step. Eight parallel hashes are five times as fast on such a
//! machine's vector units, four on those of WebAssembly. Where there are SHA-256 instructions, they are faster.

use alloc::vec::Vec;
use core::array;
use core::ops::Range;

use super::finish::{digest_of, last_blocks};
use super::key::MacKey;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::round::ROUND;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128::compress;
use sha2::block_api::compress256;

/// The number of words of a vector. More are not worthwhile where a rotation takes three instructions.
pub(super) const LANES: usize = if cfg!(target_arch = "wasm32") { 4 } else { 8 };

/// One word of each hash: one vector.
type Words = [u32; LANES];

/// A text that is processed in a lane.
struct Lane<'a> {
    /// Its index among the MACs.
    place: usize,
    blocks: &'a [[u8; 64]],
    /// The padded end of the text: the blocks that remain.
    last: [[u8; 64]; 2],
    last_blocks: Range<usize>,
}

impl<'a> Lane<'a> {
    fn new(place: usize, text: &'a [u8]) -> Self {
        let (blocks, tail) = text.as_chunks();
        let (last, count) = last_blocks(tail, text.len());
        Self {
            place,
            blocks,
            last,
            last_blocks: 0..count,
        }
    }

    #[inline(always)]
    fn block(&self) -> &[u8; 64] {
        self.blocks
            .first()
            .unwrap_or(&self.last[self.last_blocks.start & 1])
    }

    /// Advances by one block; returns whether it was the last one.
    #[inline(always)]
    fn is_done_after_block(&mut self) -> bool {
        if let Some((_, rest)) = self.blocks.split_first() {
            self.blocks = rest;
            return false;
        }
        self.last_blocks.start += 1;
        self.last_blocks.is_empty()
    }

    /// Hashes the rest of the text without the other lanes.
    fn finish_alone(&self, mut state: [u32; 8]) -> [u8; 32] {
        compress256(&mut state, self.blocks);
        compress256(&mut state, &self.last[self.last_blocks.clone()]);
        digest_of(&state)
    }
}

/// The MACs of the given ranges of `text`, in their order.
///
/// It is inlined, so that its loops are compiled for the vector instructions that its caller has detected.
#[inline(always)]
pub(super) fn macs(key: &MacKey, text: &[u8], ranges: &[Range<usize>], macs: &mut Vec<[u8; 32]>) {
    const IDLE: [u8; 64] = [0; 64];
    let mut waiting = ranges
        .iter()
        .map(|range| text.get(range.clone()).unwrap_or_default());
    let mut lanes: [Option<Lane<'_>>; LANES] = [const { None }; LANES];
    let mut states = [[0; LANES]; 8];
    macs.clear();
    loop {
        let mut busy = 0;
        for (n, lane) in lanes.iter_mut().enumerate() {
            if lane.is_none()
                && let Some(text) = waiting.next()
            {
                *lane = Some(Lane::new(macs.len(), text));
                macs.push([0; 32]);
                set(&mut states, n, &key.inner);
            }
            busy += usize::from(lane.is_some());
        }
        if busy < 2 {
            break;
        }
        let blocks = array::from_fn(|n| lanes[n].as_ref().map_or(&IDLE, Lane::block));
        compress(&mut states, &blocks);
        for (n, slot) in lanes.iter_mut().enumerate() {
            if let Some(lane) = slot
                && lane.is_done_after_block()
            {
                macs[lane.place] = digest_of(&states.map(|words| words[n]));
                *slot = None;
            }
        }
    }
    for (n, lane) in lanes.iter().enumerate() {
        if let Some(lane) = lane {
            macs[lane.place] = lane.finish_alone(states.map(|words| words[n]));
        }
    }
    for macs in macs.chunks_mut(LANES) {
        let mut states = key.outer.map(|word| [word; LANES]);
        let blocks: [_; LANES] =
            array::from_fn(|n| last_blocks(macs.get(n).map_or(&[], |mac| &mac[..]), 32).0[0]);
        compress(&mut states, &blocks.each_ref());
        for (n, mac) in macs.iter_mut().enumerate() {
            *mac = digest_of(&states.map(|words| words[n]));
        }
    }
}

#[inline(always)]
fn set(states: &mut [Words; 8], lane: usize, state: &[u32; 8]) {
    for (words, word) in states.iter_mut().zip(state) {
        words[lane] = *word;
    }
}

/// The compression function of SHA-256 (FIPS 180-4, 6.2.2) in every lane: the compiler vectorizes its loops.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn compress(states: &mut [Words; 8], blocks: &[&[u8; 64]; LANES]) {
    let mut schedule = [[0; LANES]; 16];
    for (lane, block) in blocks.iter().enumerate() {
        for (words, bytes) in schedule.iter_mut().zip(block.as_chunks().0) {
            words[lane] = u32::from_be_bytes(*bytes);
        }
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *states;
    for (pass, constants) in ROUND.iter().enumerate() {
        if pass > 0 {
            extend(&mut schedule);
        }
        for (words, constant) in schedule.iter().zip(constants) {
            let mut next_a = [0; LANES];
            let mut next_e = [0; LANES];
            for n in 0..LANES {
                let sum_1 = e[n].rotate_right(6) ^ e[n].rotate_right(11) ^ e[n].rotate_right(25);
                let choice = g[n] ^ (e[n] & (f[n] ^ g[n]));
                let first = h[n]
                    .wrapping_add(sum_1)
                    .wrapping_add(choice)
                    .wrapping_add(*constant)
                    .wrapping_add(words[n]);
                let sum_0 = a[n].rotate_right(2) ^ a[n].rotate_right(13) ^ a[n].rotate_right(22);
                let majority = (a[n] & b[n]) | (c[n] & (a[n] | b[n]));
                next_a[n] = first.wrapping_add(sum_0).wrapping_add(majority);
                next_e[n] = d[n].wrapping_add(first);
            }
            (h, g, f, e) = (g, f, e, next_e);
            (d, c, b, a) = (c, b, a, next_a);
        }
    }
    for (words, new) in states.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        for (word, new) in words.iter_mut().zip(new) {
            *word = word.wrapping_add(new);
        }
    }
}

/// The next sixteen words of the message schedule.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn extend(schedule: &mut [Words; 16]) {
    for t in 0..16 {
        let (after_1, after_9, after_14) = (
            schedule[(t + 1) % 16],
            schedule[(t + 9) % 16],
            schedule[(t + 14) % 16],
        );
        for (n, word) in schedule[t].iter_mut().enumerate() {
            let (x, y) = (after_1[n], after_14[n]);
            let sigma_0 = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
            let sigma_1 = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
            *word = word
                .wrapping_add(sigma_0)
                .wrapping_add(after_9[n])
                .wrapping_add(sigma_1);
        }
    }
}
