//! A key of HMAC-SHA-256.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A processed HMAC-SHA-256 key (RFC 2104): the states of the inner and the outer hash after the key block, which is
/// half of the work of a short MAC.
///
/// ```
/// use selvedge_blocks::MacKey;
///
/// let mut macs = Vec::new();
/// MacKey::new(&[7; 32]).macs(b"warp and weft", &[0..4, 9..13], &mut macs);
/// assert_eq!(macs.len(), 2);
/// assert_ne!(macs[0], macs[1]);
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MacKey {
    pub(super) inner: [u32; 8],
    pub(super) outer: [u32; 8],
}

impl core::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MacKey(..)")
    }
}
impl MacKey {
    /// Sets up a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            block
                .iter_mut()
                .zip(key)
                .for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }
}
