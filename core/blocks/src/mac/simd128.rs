//! The compression function of SHA-256 in the four lanes of a WebAssembly vector.
//!
//! It is written with explicit vector instructions, because the compiler does not vectorize when it optimizes for size.

use core::arch::wasm32::{
    i8x16_shuffle, i32x4_add, i32x4_shl, i32x4_shuffle, u32x4, u32x4_extract_lane, u32x4_shr,
    u32x4_splat, v128, v128_bitselect, v128_or, v128_xor,
};

use super::round::ROUND;

#[inline(always)]
fn rotated<const LEFT: u32, const RIGHT: u32>(word: v128) -> v128 {
    const { assert!(LEFT + RIGHT == 32) };
    v128_or(i32x4_shl(word, LEFT), u32x4_shr(word, RIGHT))
}

#[inline(always)]
fn xor3(a: v128, b: v128, c: v128) -> v128 {
    v128_xor(v128_xor(a, b), c)
}

/// One round (FIPS 180-4, 6.2.2, step 3). The variables rotate by their names instead of by moves.
macro_rules! round {
    ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $word:expr, $constant:expr) => {
        let sum_1 = xor3(
            rotated::<26, 6>($e),
            rotated::<21, 11>($e),
            rotated::<7, 25>($e),
        );
        let choice = v128_bitselect($f, $g, $e);
        let first = i32x4_add(
            i32x4_add(i32x4_add($h, sum_1), choice),
            i32x4_add(u32x4_splat($constant), $word),
        );
        let sum_0 = xor3(
            rotated::<30, 2>($a),
            rotated::<19, 13>($a),
            rotated::<10, 22>($a),
        );
        // Where a and b are equal, the majority is that bit, otherwise it is c's bit.
        let majority = v128_bitselect($c, $b, v128_xor($a, $b));
        $d = i32x4_add($d, first);
        $h = i32x4_add(first, i32x4_add(sum_0, majority));
    };
}

/// Compresses a block into the state of every lane.
pub(super) fn compress(states: &mut [[u32; 4]; 8], blocks: &[&[u8; 64]; 4]) {
    let mut schedule = words(blocks);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] =
        states.map(|[w, x, y, z]| u32x4(w, x, y, z));
    for (pass, k) in ROUND.iter().enumerate() {
        if pass > 0 {
            extend(&mut schedule);
        }
        let w = &schedule;
        round!(a b c d e f g h, w[0], k[0]);
        round!(h a b c d e f g, w[1], k[1]);
        round!(g h a b c d e f, w[2], k[2]);
        round!(f g h a b c d e, w[3], k[3]);
        round!(e f g h a b c d, w[4], k[4]);
        round!(d e f g h a b c, w[5], k[5]);
        round!(c d e f g h a b, w[6], k[6]);
        round!(b c d e f g h a, w[7], k[7]);
        round!(a b c d e f g h, w[8], k[8]);
        round!(h a b c d e f g, w[9], k[9]);
        round!(g h a b c d e f, w[10], k[10]);
        round!(f g h a b c d e, w[11], k[11]);
        round!(e f g h a b c d, w[12], k[12]);
        round!(d e f g h a b c, w[13], k[13]);
        round!(c d e f g h a b, w[14], k[14]);
        round!(b c d e f g h a, w[15], k[15]);
    }
    for (state, new) in states.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        let [w, x, y, z] = *state;
        let sum = i32x4_add(u32x4(w, x, y, z), new);
        *state = [
            u32x4_extract_lane::<0>(sum),
            u32x4_extract_lane::<1>(sum),
            u32x4_extract_lane::<2>(sum),
            u32x4_extract_lane::<3>(sum),
        ];
    }
}

/// The sixteen words of each block, one vector per word.
#[inline(always)]
fn words(blocks: &[&[u8; 64]; 4]) -> [v128; 16] {
    let mut words = [u32x4_splat(0); 16];
    for (quarter, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let [a, b, c, d] = blocks.map(|block| row(block, quarter));
        let (ab_low, ab_high) = (
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
        );
        let (cd_low, cd_high) = (
            i32x4_shuffle::<0, 4, 1, 5>(c, d),
            i32x4_shuffle::<2, 6, 3, 7>(c, d),
        );
        *words = [
            i32x4_shuffle::<0, 1, 4, 5>(ab_low, cd_low),
            i32x4_shuffle::<2, 3, 6, 7>(ab_low, cd_low),
            i32x4_shuffle::<0, 1, 4, 5>(ab_high, cd_high),
            i32x4_shuffle::<2, 3, 6, 7>(ab_high, cd_high),
        ];
    }
    words
}

/// Four words of one block, converted from big-endian.
#[inline(always)]
fn row(block: &[u8; 64], quarter: usize) -> v128 {
    let [w, x, y, z] = block.as_chunks::<16>().0[quarter].as_chunks::<4>().0 else {
        return u32x4_splat(0);
    };
    let row = u32x4(
        u32::from_le_bytes(*w),
        u32::from_le_bytes(*x),
        u32::from_le_bytes(*y),
        u32::from_le_bytes(*z),
    );
    i8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(row, row)
}

/// The next sixteen words of the message schedule (step 1).
#[inline(always)]
fn extend(w: &mut [v128; 16]) {
    macro_rules! word {
        ($($t:literal $after_1:literal $after_9:literal $after_14:literal),*) => {$(
            let (x, y) = (w[$after_1], w[$after_14]);
            let sigma_0 = xor3(rotated::<25, 7>(x), rotated::<14, 18>(x), u32x4_shr(x, 3));
            let sigma_1 = xor3(rotated::<15, 17>(y), rotated::<13, 19>(y), u32x4_shr(y, 10));
            w[$t] = i32x4_add(i32x4_add(w[$t], w[$after_9]), i32x4_add(sigma_0, sigma_1));
        )*};
    }
    word!(0 1 9 14, 1 2 10 15, 2 3 11 0, 3 4 12 1, 4 5 13 2, 5 6 14 3, 6 7 15 4, 7 8 0 5);
    word!(8 9 1 6, 9 10 2 7, 10 11 3 8, 11 12 4 9, 12 13 5 10, 13 14 6 11, 14 15 7 12, 15 0 8 13);
}
