//! Several hashes in parallel, one per lane of a vector, for machines without SHA-256 instructions.
//!
//! A single hash waits for its own result at every step. Eight parallel hashes are five times as fast on such a
//! machine's vector units, four on those of WebAssembly. Where there are SHA-256 instructions, they are faster.

use alloc::vec::Vec;
use core::array;
use core::ops::Range;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128::compress;
use super::{MacKey, compress256, digest_of, last_blocks};

/// The number of words of a vector. More are not worthwhile where a rotation takes three instructions.
pub(super) const LANES: usize = if cfg!(target_arch = "wasm32") { 4 } else { 8 };

/// One word of each hash: one vector.
type Words = [u32; LANES];

/// The round constants of SHA-256 (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
pub(super) const ROUND: [[u32; 16]; 4] = [
    [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    ],
    [
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    ],
    [
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    ],
    [
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ],
];

/// A text that is being hashed in a lane.
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
