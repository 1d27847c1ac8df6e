//! J-PAKE as the old Sync's easy setup uses it (spec §1.14): two devices that know the same eight characters agree on a
//! key, and one who does not know them has one guess per run.
//!
//! Arithmetic is `crypto-bigint`'s with a fixed width of 3072 bits; each power with a secret exponent is its
//! constant-time one. Only the checks of public numbers use the faster variable-time one.

mod confirm;
mod error;
mod group;
mod proof;
mod role;
mod wire;

use zeroize::Zeroizing;

pub use self::confirm::{confirm, is_confirmed};
pub use self::error::JpakeError;
use self::group::{Element, Exponent, Group};
use self::proof::{prove, verify};
pub use self::role::Role;
pub use self::wire::{Proof, Round1, Round2};
use super::{KeyBundle, hkdf};
use crate::host::{Random, RandomError};

/// After this device's first message was made.
///
/// ```
/// use core::cell::Cell;
/// use selvedge_core::crypto::jpake::{First, Role};
/// # use selvedge_core::host::{Random, RandomError};
/// # struct Host(Cell<u8>);
/// # impl Random for Host {
/// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
/// #         for byte in bytes { self.0.set(self.0.get().wrapping_mul(5).wrapping_add(11)); *byte = self.0.get() >> 1; }
/// #         Ok(())
/// #     }
/// # }
/// # let host = Host(Cell::new(1));
/// let (receiver, receiver1) = First::make(Role::Receiver, b"23456789", &host)?;
/// let (sender, sender1) = First::make(Role::Sender, b"23456789", &host)?;
/// let (receiver, receiver2) = receiver.answer(&sender1, &host)?;
/// let (sender, sender2) = sender.answer(&receiver1, &host)?;
/// assert_eq!(receiver.key(&sender2)?, sender.key(&receiver2)?);
/// # Ok::<(), selvedge_core::crypto::jpake::JpakeError>(())
/// ```
pub struct First {
    group: Group,
    role: Role,
    secret: Exponent,
    x2: Exponent,
    gx1: Element,
    gx2: Element,
}

impl core::fmt::Debug for First {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("First(..)")
    }
}

impl First {
    /// Draws this device's numbers and makes its first message. `secret` are the eight secret characters.
    ///
    /// # Errors
    /// When the host cannot provide random bytes.
    pub fn make(
        role: Role,
        secret: &[u8; 8],
        random: &impl Random,
    ) -> Result<(Self, Round1), RandomError> {
        let group = Group::new();
        let x1 = group.draw(random)?;
        let x2 = group.draw_nonzero(random)?;
        let base = group.generator();
        let (gx1, zkp_x1) = prove(&group, &base, &x1, role, random)?;
        let (gx2, zkp_x2) = prove(&group, &base, &x2, role, random)?;
        let message = Round1 {
            gx1: group::to_hex(&gx1),
            gx2: group::to_hex(&gx2),
            zkp_x1,
            zkp_x2,
        };
        let secret = group::secret_exponent(secret);
        let first = Self {
            group,
            role,
            secret,
            x2,
            gx1,
            gx2,
        };
        Ok((first, message))
    }

    /// Checks the other device's first message and makes this device's second one.
    ///
    /// # Errors
    /// When the message is to be refused, or the host cannot provide random bytes.
    pub fn answer(
        self,
        peer: &Round1,
        random: &impl Random,
    ) -> Result<(Second, Round2), JpakeError> {
        let group = self.group;
        let base = group.generator();
        let signer = self.role.peer();
        let gx3 = verify(&group, &base, &peer.gx1, &peer.zkp_x1, signer)?;
        let gx4 = verify(&group, &base, &peer.gx2, &peer.zkp_x2, signer)?;
        let exponent = group.multiply_exponents(&self.x2, &self.secret);
        let own_base = group.multiply(&group.multiply(&self.gx1, &gx3), &gx4);
        let (a, zkp_a) = prove(&group, &own_base, &exponent, self.role, random)?;
        let message = Round2 {
            a: group::to_hex(&a),
            zkp_a,
        };
        let peer_base = group.multiply(&group.multiply(&self.gx1, &self.gx2), &gx3);
        let second = Second {
            role: self.role,
            x2: self.x2,
            exponent,
            gx4,
            peer_base,
            group,
        };
        Ok((second, message))
    }
}

/// After this device's second message was made.
///
/// ```
/// use selvedge_core::crypto::jpake::Second;
///
/// fn the_debug_output_has_no_numbers(second: &Second) -> bool {
///     format!("{second:?}") == "Second(..)"
/// }
/// ```
pub struct Second {
    group: Group,
    role: Role,
    x2: Exponent,
    exponent: Exponent,
    gx4: Element,
    peer_base: Element,
}

impl core::fmt::Debug for Second {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Second(..)")
    }
}

impl Second {
    /// Checks the other device's second message and derives the key. Both devices have the same one only if they know
    /// the same characters: nothing may be sent under it before that is verified.
    ///
    /// # Errors
    /// When the message is to be refused.
    pub fn key(self, peer: &Round2) -> Result<KeyBundle, JpakeError> {
        let shared = self.shared(peer)?;
        Ok(bundle(&shared))
    }

    fn shared(&self, peer: &Round2) -> Result<Zeroizing<Element>, JpakeError> {
        let group = &self.group;
        let signer = self.role.peer();
        let b = verify(group, &self.peer_base, &peer.a, &peer.zkp_a, signer)?;
        let unblind =
            Zeroizing::new(group.power(&self.gx4, &group.negate_exponent(&self.exponent)));
        let blinded = Zeroizing::new(group.multiply(&b, &unblind));
        Ok(Zeroizing::new(group.power(&blinded, &self.x2)))
    }
}

fn bundle(shared: &Element) -> KeyBundle {
    let bytes = Zeroizing::new(shared.to_be_bytes());
    let derived = hkdf::derive(
        group::minimal(bytes.as_ref()),
        b"",
        b"Sync-AES_256_CBC-HMAC256",
    );
    KeyBundle::from_64(&derived)
}

#[cfg(test)]
mod tests;
