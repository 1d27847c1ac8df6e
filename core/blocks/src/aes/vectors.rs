//! AES in WebAssembly's vector instructions: a block is one vector, and bytes are substituted by lookups within
//! vectors, which take constant time.

use core::arch::wasm32::{
    i8x16_swizzle, u8x16, u8x16_shr, u8x16_splat, u64x2, u64x2_extract_lane, v128, v128_and,
    v128_xor,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::block::Block;
use super::tables::{DECRYPT, ENCRYPT, SUBSTITUTED, Table, Tables};

/// The number of rounds of AES-256; there is one more round key (FIPS 197, table 3).
const ROUNDS: usize = 14;
type RoundKeys = [Block; ROUNDS + 1];

/// Number of blocks processed in parallel: a single block waits for its own lookups.
const PARALLEL_BLOCKS: usize = 2;

/// An AES-256 key, expanded for both directions.
#[derive(Clone)]
pub(crate) struct Aes256 {
    encrypting: Direction,
    decrypting: Direction,
}

impl Aes256 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut encrypting = Direction::new(ENCRYPT);
        let mut decrypting = Direction::new(DECRYPT);
        let mut keys = expanded(key, &encrypting);
        // MixColumns does not change a column of four equal bytes, so the constant that is added to each byte can be
        // added after it.
        for (n, key) in keys.iter().enumerate() {
            encrypting.keys[n] = stored(match n {
                0 => encrypting.entered(loaded(key)),
                ROUNDS => with_constant(loaded(key)),
                _ => encrypting.entered(with_constant(loaded(key))),
            });
            let key = loaded(key);
            decrypting.keys[ROUNDS - n] = stored(match n {
                0 => key,
                ROUNDS => decrypting.entered(with_constant(key)),
                _ => {
                    // Substitution by encryption and its inverse by decryption cancel out, so that only InvMixColumns
                    // remains.
                    let substituted = encrypting.left(encrypting.entered(key));
                    let unmixed = decrypting.turned(decrypting.entered(substituted));
                    v128_xor(unmixed, decrypting.entered(u8x16_splat(SUBSTITUTED)))
                }
            });
        }
        keys.zeroize();
        Self {
            encrypting,
            decrypting,
        }
    }

    /// Encrypts independent blocks.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        let (groups, rest) = blocks.as_chunks_mut::<PARALLEL_BLOCKS>();
        for group in groups {
            *group = self.encrypting.run(group);
        }
        for block in rest {
            [*block, _] = self.encrypting.run(&[*block; PARALLEL_BLOCKS]);
        }
    }

    /// Decrypts CBC-chained blocks; `iv` precedes the first one.
    pub(crate) fn decrypt_chained(&self, iv: Block, blocks: &mut [Block]) {
        let mut before = iv;
        let mut unchain = |block: &mut Block, decrypted: Block| {
            let cleartext = v128_xor(loaded(&decrypted), loaded(&before));
            before = *block;
            *block = stored(cleartext);
        };
        let (groups, rest) = blocks.as_chunks_mut::<PARALLEL_BLOCKS>();
        for group in groups {
            let decrypted = self.decrypting.run(group);
            for (block, decrypted) in group.iter_mut().zip(decrypted) {
                unchain(block, decrypted);
            }
        }
        for block in rest {
            let [decrypted, _] = self.decrypting.run(&[*block; PARALLEL_BLOCKS]);
            unchain(block, decrypted);
        }
    }
}

/// One direction of AES: the same steps with different tables, as in FIPS 197, 5.3.5. The tables are stored with the
/// keys, because engines load a vector from memory faster than they build one from constants.
#[derive(Clone, ZeroizeOnDrop)]
struct Direction {
    #[zeroize(skip)]
    tables: Tables,
    keys: RoundKeys,
}

impl Direction {
    fn new(tables: Tables) -> Self {
        Self {
            tables,
            keys: [[0; 16]; ROUNDS + 1],
        }
    }

    /// Applies all rounds to the blocks.
    #[inline(never)]
    fn run(&self, blocks: &[Block; PARALLEL_BLOCKS]) -> [Block; PARALLEL_BLOCKS] {
        let [first, rounds @ .., last] = &self.keys;
        let mut states = [0, 1].map(|n| v128_xor(self.entered(loaded(&blocks[n])), loaded(first)));
        for key in rounds {
            states = states.map(|state| v128_xor(self.turned(state), loaded(key)));
        }
        states.map(|state| stored(v128_xor(self.left(state), loaded(last))))
    }

    /// Converts plain bytes to split bytes.
    #[inline(always)]
    fn entered(&self, state: v128) -> v128 {
        pair(&self.tables.enter, halves(state))
    }

    /// One round without its round key.
    #[inline(always)]
    fn turned(&self, state: v128) -> v128 {
        let inverted = self.inverted(state);
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| {
            let part = pair(&self.tables.round[n], inverted);
            i8x16_swizzle(part, table(&self.tables.rows[n]))
        });
        v128_xor(v128_xor(a, b), v128_xor(c, d))
    }

    /// The last round without its round key: converts to plain bytes, without the constant of the substitution.
    #[inline(always)]
    fn left(&self, state: v128) -> v128 {
        let bytes = pair(&self.tables.leave, self.inverted(state));
        i8x16_swizzle(bytes, table(&self.tables.rows[0]))
    }

    /// The two parts of every byte's inverse.
    #[inline(always)]
    fn inverted(&self, state: v128) -> [v128; 2] {
        let inverse = table(&self.tables.inverse);
        let [k, i] = halves(state);
        let j = v128_xor(i, k);
        let scaled = i8x16_swizzle(table(&self.tables.scaled_inverse), k);
        let first = v128_xor(i8x16_swizzle(inverse, i), scaled);
        let second = v128_xor(i8x16_swizzle(inverse, j), scaled);
        [
            v128_xor(i8x16_swizzle(inverse, first), j),
            v128_xor(i8x16_swizzle(inverse, second), i),
        ]
    }
}

/// The key schedule (FIPS 197, 5.2).
fn expanded(key: &[u8; 32], encrypting: &Direction) -> RoundKeys {
    let substituted = |[a, b, c, d]: [u8; 4]| {
        let word = u8x16(a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        let inverted = encrypting.inverted(encrypting.entered(word));
        let [a, b, c, d, ..] = stored(with_constant(pair(&encrypting.tables.leave, inverted)));
        [a, b, c, d]
    };
    let mut keys = [[0; 16]; ROUNDS + 1];
    let words = keys.as_flattened_mut().as_chunks_mut::<4>().0;
    words.as_flattened_mut()[..32].copy_from_slice(key);
    let mut constant = 1;
    for n in 8..words.len() {
        let mut word = words[n - 1];
        if n % 8 == 0 {
            word.rotate_left(1);
            word = substituted(word);
            word[0] ^= constant;
            constant <<= 1;
        } else if n % 8 == 4 {
            word = substituted(word);
        }
        let before = words[n - 8];
        words[n] = [0, 1, 2, 3].map(|byte| word[byte] ^ before[byte]);
    }
    keys
}

fn with_constant(key: v128) -> v128 {
    v128_xor(key, u8x16_splat(SUBSTITUTED))
}

/// The lower and the upper half of every byte.
#[inline(always)]
fn halves(bytes: v128) -> [v128; 2] {
    [v128_and(bytes, u8x16_splat(15)), u8x16_shr(bytes, 4)]
}

/// The sum of a lookup in each of two tables.
#[inline(always)]
fn pair(tables: &[Table; 2], at: [v128; 2]) -> v128 {
    v128_xor(
        i8x16_swizzle(table(&tables[0]), at[0]),
        i8x16_swizzle(table(&tables[1]), at[1]),
    )
}

#[inline(always)]
fn table(table: &Table) -> v128 {
    loaded(table)
}

#[inline(always)]
fn loaded(block: &Block) -> v128 {
    let n = u128::from_le_bytes(*block);
    u64x2(n as u64, (n >> 64) as u64)
}

#[inline(always)]
fn stored(vector: v128) -> Block {
    let low = u128::from(u64x2_extract_lane::<0>(vector));
    let high = u128::from(u64x2_extract_lane::<1>(vector));
    (low | high << 64).to_le_bytes()
}
