//! AES-256-CBC of a whole batch of records in one buffer.

use crate::aes::{Aes256, Block};

/// AES-256-CBC without padding; the key is expanded once. Buffers have the layout `IV₁ C₁ IV₂ C₂ …`; each part consists
/// of whole 16-byte blocks.
///
/// ```
/// use selvedge_blocks::AesCbc;
///
/// let cbc = AesCbc::new(&[1; 32]);
/// let mut buffer = *b"a random block..sixteen letters!";
/// cbc.encrypt(&mut buffer, &[0])?;
/// assert_ne!(&buffer[16..], b"sixteen letters!");
/// cbc.decrypt(&mut buffer)?;
/// assert_eq!(&buffer[16..], b"sixteen letters!");
/// # Ok::<(), selvedge_blocks::NoBlocks>(())
/// ```
#[derive(Clone)]
pub struct AesCbc(Aes256);

/// A buffer that does not consist of whole blocks, or start positions that are not block boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the buffer must consist of whole blocks of 16 bytes, and records must start at ascending block boundaries"
)]
pub struct NoBlocks;

/// Number of records that are encrypted in parallel: within one record, every block depends on the previous one.
const LANES: usize = 8;

/// A record that is being encrypted: the remaining blocks, and the previous block.
#[derive(Clone, Copy, Default)]
struct Lane {
    at: usize,
    end: usize,
}

impl AesCbc {
    /// Uses this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256::new(key))
    }

    /// Decrypts in place, as one run whose IV is the first block: every `C` becomes its cleartext, including the
    /// padding. The contents of the IV positions afterwards are unspecified.
    ///
    /// # Errors
    /// When the buffer does not consist of whole blocks; it is not changed then.
    pub fn decrypt(&self, buffer: &mut [u8]) -> Result<(), NoBlocks> {
        let (blocks, rest) = buffer.as_chunks_mut::<16>();
        if !rest.is_empty() {
            return Err(NoBlocks);
        }
        if let Some((iv, blocks)) = blocks.split_first_mut() {
            self.0.decrypt_chained(*iv, blocks);
        }
        Ok(())
    }

    /// Encrypts in place. At each position in `starts` there is a random block, the IV of the padded cleartext that
    /// follows it.
    ///
    /// # Errors
    /// When the buffer does not consist of whole blocks or a start position is invalid; the buffer is not changed then.
    pub fn encrypt(&self, buffer: &mut [u8], starts: &[usize]) -> Result<(), NoBlocks> {
        let (blocks, rest) = buffer.as_chunks_mut::<16>();
        if !rest.is_empty() || starts.iter().any(|start| start % 16 != 0) || !starts.is_sorted() {
            return Err(NoBlocks);
        }
        self.encrypt_lanes(blocks, starts);
        Ok(())
    }

    fn encrypt_lanes(&self, blocks: &mut [Block], starts: &[usize]) {
        let ends = starts.iter().skip(1).copied().chain([blocks.len() * 16]);
        let mut waiting = starts.iter().zip(ends).filter_map(|(start, end)| {
            let lane = Lane {
                at: start / 16 + 1,
                end: end / 16,
            };
            (lane.at < lane.end).then_some(lane)
        });
        let mut lanes = [Lane::default(); LANES];
        let mut chain: [Block; LANES] = [[0; 16]; LANES];
        loop {
            // An idle lane continues with the next record; after the last record, the last lane moves into the idle
            // one's slot.
            let mut busy = 0;
            let mut run = usize::MAX;
            for lane in 0..LANES {
                if lanes[lane].at == lanes[lane].end {
                    let Some(next) = waiting.next() else { continue };
                    let Some(iv) = blocks.get(next.at - 1) else {
                        return;
                    };
                    lanes[lane] = next;
                    chain[lane] = *iv;
                }
                lanes.swap(lane, busy);
                chain.swap(lane, busy);
                run = run.min(lanes[busy].end - lanes[busy].at);
                busy += 1;
            }
            if busy == 0 {
                return;
            }
            let (Some(lanes), Some(chain)) = (lanes.get_mut(..busy), chain.get_mut(..busy)) else {
                return;
            };
            for _ in 0..run {
                for (lane, chained) in lanes.iter().zip(chain.iter_mut()) {
                    let Some(block) = blocks.get(lane.at) else {
                        return;
                    };
                    chained
                        .iter_mut()
                        .zip(block)
                        .for_each(|(chained, byte)| *chained ^= byte);
                }
                self.0.encrypt(chain);
                for (lane, chained) in lanes.iter_mut().zip(chain.iter()) {
                    let Some(block) = blocks.get_mut(lane.at) else {
                        return;
                    };
                    *block = *chained;
                    lane.at += 1;
                }
            }
        }
    }
}

impl core::fmt::Debug for AesCbc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AesCbc(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use aes::Aes256;
    use aes::cipher::{Array, BlockModeEncrypt, KeyIvInit};
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// NIST SP 800-38A, F.2.5: CBC-AES256.
    #[test]
    fn the_nist_example_gives_the_documented_blocks() {
        let hex = |text: &str| const_hex::decode(text).unwrap();
        let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let cbc = AesCbc::new(&key.try_into().unwrap());
        let plain = hex(
            "000102030405060708090a0b0c0d0e0f6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        );
        let cipher = hex(
            "000102030405060708090a0b0c0d0e0ff58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
        );
        let mut buffer = plain.clone();
        cbc.encrypt(&mut buffer, &[0]).unwrap();
        assert_eq!(buffer, cipher);
        cbc.decrypt(&mut buffer).unwrap();
        assert_eq!(buffer[16..], plain[16..]);
    }

    #[test]
    fn a_buffer_with_an_incomplete_block_is_refused() {
        let cbc = AesCbc::new(&[1; 32]);
        assert!(cbc.decrypt(&mut [0; 17]).is_err());
        assert!(cbc.encrypt(&mut [0; 17], &[0]).is_err());
        assert!(cbc.encrypt(&mut [0; 64], &[8]).is_err());
        assert!(cbc.encrypt(&mut [0; 64], &[32, 0]).is_err());
        assert!(cbc.decrypt(&mut []).is_ok());
        assert!(cbc.encrypt(&mut [], &[]).is_ok());
    }

    proptest! {
        #[test]
        fn parallel_encryption_equals_one_record_at_a_time(key: [u8; 32], records in prop::collection::vec(prop::collection::vec(any::<[u8; 16]>(), 1..9), 0..40)) {
            let cbc = AesCbc::new(&key);
            let mut buffer = Vec::new();
            let mut starts = Vec::new();
            let mut expected = Vec::new();
            for record in &records {
                starts.push(buffer.len());
                buffer.extend_from_slice(record.as_flattened());
                let (iv, blocks) = record.split_first().unwrap();
                let mut blocks = blocks.to_vec();
                cbc::Encryptor::<Aes256>::new(&key.into(), iv.into()).encrypt_blocks(Array::cast_slice_from_core_mut(&mut blocks));
                expected.extend_from_slice(iv);
                expected.extend_from_slice(blocks.as_flattened());
            }
            let plain = buffer.clone();
            cbc.encrypt(&mut buffer, &starts).unwrap();
            prop_assert_eq!(&buffer, &expected);
            cbc.decrypt(&mut buffer).unwrap();
            let mut at = 0;
            for record in &records {
                let next = at + record.len() * 16;
                prop_assert_eq!(&buffer[at + 16..next], &plain[at + 16..next]);
                at = next;
            }
        }
    }
}
