//! The group: a 3072-bit prime p, a 256-bit prime q, and a generator of order q.

use alloc::string::String;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, U256, U3072};
use zeroize::Zeroizing;

use super::error::JpakeError;
use crate::host::{Random, RandomError};

pub(super) type Element = U3072;
pub(super) type Exponent = Zeroizing<U256>;

const P: U3072 = U3072::from_be_hex(
    "90066455b5cfc38f9caa4a48b4281f292c260feef01fd61037e56258a7795a1c7ad46076982ce6bb956936c6ab4dcfe0\
    5e6784586940ca544b9b2140e1eb523f009d20a7e7880e4e5bfa690f1b9004a27811cd9904af70420eefd6ea11ef7da1\
    29f58835ff56b89faa637bc9ac2efaab903402229f491d8d3485261cd068699b6ba58a1ddbbef6db51e8fe34e8a78e54\
    2d7ba351c21ea8d8f1d29f5d5d15939487e27f4416b0ca632c59efd1b1eb66511a5a0fbf615b766c5862d0bd8a3fe7a0\
    e0da0fb2fe1fcb19e8f9996a8ea0fccde538175238fc8b0ee6f29af7f642773ebe8cd5402415a01451a840476b2fceb0\
    e388d30d4b376c37fe401c2a2c2f941dad179c540c1c8ce030d460c4d983be9ab0b20f69144c1ae13f9383ea1c08504f\
    b0bf321503efe43488310dd8dc77ec5b8349b8bfe97c2c560ea878de87c11e3d597f1fea742d73eec7f37be43949ef1a\
    0d15c3f3e3fc0a8335617055ac91328ec22b50fc15b941d3d1624cd88bc25f3e941fddc6200689581bfec416b4b2cb73",
);
const Q: U256 =
    U256::from_be_hex("cfa0478a54717b08ce64805b76e5b14249a77a4838469df7f7dc987efccfb11d");
const G: U3072 = U3072::from_be_hex(
    "5e5cba992e0a680d885eb903aea78e4a45a469103d448ede3b7accc54d521e37f84a4bdd5b06b0970cc2d2bbb715f7b8\
    2846f9a0c393914c792e6a923e2117ab805276a975aadb5261d91673ea9aaffeecbfa6183dfcb5d3b7332aa19275afa1\
    f8ec0b60fb6f66cc23ae4870791d5982aad1aa9485fd8f4a60126feb2cf05db8a7f0f09b3397f3937f2e90b9e5b9c9b6\
    efef642bc48351c46fb171b9bfa9ef17a961ce96c7e7a7cc3d3d03dfad1078ba21da425198f07d2481622bce45969d9c\
    4d6063d72ab7a0f08b2f49a7cc6af335e08c4720e31476b67299e231f8bd90b39ac3ae3be0c6b6cacef8289a2e2873d5\
    8e51e029cafbd55e6841489ab66b5b4b9ba6e2f784660896aff387d92844ccb8b69475496de19da2e58259b090489ac8\
    e62363cdf82cfd8ef2a427abcd65750b506f56dde3b988567a88126b914d7828e2b63a6d7ed0747ec59e0e0a23ce7d8a\
    74c1d2c2a7afb6a29799620f00e11c33787f7ded3b30e1a22d09f1fbda1abbbfbf25cae05a13f812e34563f99410e73b",
);

/// Maximum number of draws until one is below q: each is with a probability of 0.8. More means that the host's random
/// bytes are not random.
const MAX_DRAWS: u32 = 256;

/// The group with what its arithmetic precomputes.
pub(super) struct Group {
    params: FixedMontyParams<{ U3072::LIMBS }>,
    order: NonZero<U256>,
}

impl Group {
    pub(super) fn new() -> Self {
        let modulus = Odd::new(P).expect("p is odd");
        Self {
            params: FixedMontyParams::new_vartime(modulus),
            order: NonZero::new(Q).expect("q is not zero"),
        }
    }

    pub(super) fn generator(&self) -> Element {
        G
    }

    /// A uniformly random exponent below q.
    pub(super) fn draw(&self, random: &impl Random) -> Result<Exponent, RandomError> {
        let mut bytes = Zeroizing::new([0; 32]);
        for _ in 0..MAX_DRAWS {
            random.fill(&mut *bytes)?;
            let drawn = Zeroizing::new(U256::from_be_slice(&*bytes));
            if *drawn < Q {
                return Ok(drawn);
            }
        }
        Err(RandomError)
    }

    /// A uniformly random exponent below q that is not 0.
    pub(super) fn draw_nonzero(&self, random: &impl Random) -> Result<Exponent, RandomError> {
        for _ in 0..MAX_DRAWS {
            let drawn = self.draw(random)?;
            if *drawn != U256::ZERO {
                return Ok(drawn);
            }
        }
        Err(RandomError)
    }

    /// In constant time: the exponent may be secret.
    pub(super) fn power(&self, base: &Element, exponent: &U256) -> Element {
        FixedMontyForm::new(base, &self.params)
            .pow(exponent)
            .retrieve()
    }

    /// For public exponents only.
    pub(super) fn public_power(&self, base: &Element, exponent: &U256) -> Element {
        FixedMontyForm::new(base, &self.params)
            .pow_vartime(exponent)
            .retrieve()
    }

    pub(super) fn multiply(&self, left: &Element, right: &Element) -> Element {
        let left = FixedMontyForm::new(left, &self.params);
        (left * FixedMontyForm::new(right, &self.params)).retrieve()
    }

    /// Modulo q.
    pub(super) fn multiply_exponents(&self, left: &U256, right: &U256) -> Exponent {
        Zeroizing::new(left.mul_mod(right, &self.order))
    }

    /// Modulo q.
    pub(super) fn negate_exponent(&self, exponent: &U256) -> Exponent {
        self.subtract_exponents(&U256::ZERO, exponent)
    }

    /// Modulo q.
    pub(super) fn subtract_exponents(&self, left: &U256, right: &U256) -> Exponent {
        Zeroizing::new(left.sub_mod(right, &self.order))
    }

    /// A hash as an exponent, modulo q.
    pub(super) fn hash_exponent(&self, hash: &[u8; 32]) -> U256 {
        U256::from_be_slice(hash).rem(&self.order)
    }

    /// Whether a public number can be a power of the generator that gives nothing away: 1 < number < p−1, of order q.
    pub(super) fn is_member(&self, number: &Element) -> bool {
        *number > U3072::ONE
            && *number < P.wrapping_sub(&U3072::ONE)
            && self.public_power(number, &Q) == U3072::ONE
    }
}

/// The eight secret characters as a number.
pub(super) fn secret_exponent(secret: &[u8; 8]) -> Exponent {
    let mut bytes = Zeroizing::new([0; 32]);
    bytes[24..].copy_from_slice(secret);
    Zeroizing::new(U256::from_be_slice(&*bytes))
}

/// Without leading zeros.
pub(super) fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// As messages write a number.
pub(super) fn to_hex(number: &Element) -> String {
    const_hex::encode(minimal(number.to_be_bytes().as_ref()))
}

/// As messages write an exponent.
pub(super) fn exponent_to_hex(number: &U256) -> String {
    const_hex::encode(minimal(number.to_be_bytes().as_ref()))
}

/// A number below p from a message.
pub(super) fn element(hex: &str) -> Result<Element, JpakeError> {
    let number = U3072::from_be_slice(&padded::<384>(hex)?);
    if number < P {
        Ok(number)
    } else {
        Err(JpakeError::Malformed)
    }
}

/// An exponent below q from a message.
pub(super) fn exponent(hex: &str) -> Result<U256, JpakeError> {
    let number = U256::from_be_slice(&padded::<32>(hex)?);
    if number < Q {
        Ok(number)
    } else {
        Err(JpakeError::Malformed)
    }
}

fn padded<const N: usize>(hex: &str) -> Result<[u8; N], JpakeError> {
    let mut bytes = [0; N];
    // The digits are checked here, too, because the library accepts a prefix `0x`.
    let is_hex = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let start = N.checked_sub(hex.len().div_ceil(2));
    let place = start.and_then(|start| bytes.get_mut(start..));
    let place = place.filter(|_| is_hex).ok_or(JpakeError::Malformed)?;
    const_hex::decode_to_slice(hex, place).map_err(|_| JpakeError::Malformed)?;
    Ok(bytes)
}
