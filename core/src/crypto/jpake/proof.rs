//! Proofs that a device knows the exponent of a number that it sends.

use alloc::borrow::ToOwned;

use sha2::{Digest, Sha256};

use super::error::JpakeError;
use super::group::{self, Element, Exponent, Group};
use super::role::Role;
use super::wire::Proof;
use crate::host::{Random, RandomError};

/// `base` to the power of `exponent`, with the proof that this device knows the exponent.
pub(super) fn prove(
    group: &Group,
    base: &Element,
    exponent: &Exponent,
    role: Role,
    random: &impl Random,
) -> Result<(Element, Proof), RandomError> {
    let nonce = group.draw(random)?;
    let gx = group.power(base, exponent);
    let gr = group.power(base, &nonce);
    let hash = group.hash_exponent(&challenge(base, &gr, &gx, role));
    let blinded = group.multiply_exponents(exponent, &hash);
    let proof = Proof {
        gr: group::to_hex(&gr),
        b: group::exponent_to_hex(&group.subtract_exponents(&nonce, &blinded)),
        id: role.name().to_owned(),
    };
    Ok((gx, proof))
}

/// The number that a message holds, once it and its proof are checked.
pub(super) fn verify(
    group: &Group,
    base: &Element,
    number: &str,
    proof: &Proof,
    signer: Role,
) -> Result<Element, JpakeError> {
    let gx = group::element(number)?;
    let gr = group::element(&proof.gr)?;
    let b = group::exponent(&proof.b)?;
    if proof.id != signer.name() {
        return Err(JpakeError::WrongSigner);
    }
    if !group.is_member(&gx) {
        return Err(JpakeError::OutsideGroup);
    }
    let hash = group.hash_exponent(&challenge(base, &gr, &gx, signer));
    let expected = group.multiply(
        &group.public_power(base, &b),
        &group.public_power(&gx, &hash),
    );
    if gr == expected {
        Ok(gx)
    } else {
        Err(JpakeError::WrongProof)
    }
}

/// SHA-256 over the three numbers and the signer, each after its length in two bytes.
pub(super) fn challenge(base: &Element, gr: &Element, gx: &Element, signer: Role) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        let length =
            u16::try_from(bytes.len()).expect("a number of the group has at most 384 bytes");
        hash.update(length.to_be_bytes());
        hash.update(bytes);
    };
    for number in [base, gr, gx] {
        add(group::minimal(number.to_be_bytes().as_ref()));
    }
    add(signer.name().as_bytes());
    hash.finalize().into()
}
