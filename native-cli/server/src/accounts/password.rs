//! What the server keeps of a password (`docs/protocol/accounts-api.md` §13). The client sends `authPW`, never the password;
//! of `authPW` the server keeps a slow hash, and kB only wrapped with keys that it does not have.

use argon2::Argon2;
use selvedge_core::crypto::hkdf;
use zeroize::Zeroizing;

use super::error::ApiError;

/// What is derived from `authPW`.
pub(super) struct Stretched {
    /// Proves the password.
    pub(super) verifier: Zeroizing<[u8; 32]>,
    /// Wraps the client's `wrapKb` once more, so that a stolen database has no `wrapKb`.
    wrapper: Zeroizing<[u8; 32]>,
}

impl Stretched {
    /// Takes a tenth of a second and 19 MiB.
    pub(super) fn new(auth_pw: &[u8; 32], salt: &[u8; 32]) -> Result<Self, ApiError> {
        let mut slow = Zeroizing::new([0; 32]);
        Argon2::default()
            .hash_password_into(auth_pw, salt, &mut *slow)
            .map_err(|_| ApiError::Unavailable)?;
        let part = |name: &[u8]| {
            let label = [b"identity.mozilla.com/picl/v1/", name].concat();
            hkdf::derive::<32>(&*slow, b"", &label)
        };
        Ok(Self {
            verifier: part(b"verifyHash"),
            wrapper: part(b"wrapwrapKey"),
        })
    }

    /// Wraps, or unwraps.
    pub(super) fn wrap(&self, key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut wrapped = Zeroizing::new(*key);
        for (byte, with) in wrapped.iter_mut().zip(self.wrapper.iter()) {
            *byte ^= with;
        }
        wrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_is_undone_by_the_same_password_only() {
        let one = Stretched::new(&[1; 32], &[3; 32]).unwrap();
        let again = Stretched::new(&[1; 32], &[3; 32]).unwrap();
        let other = Stretched::new(&[2; 32], &[3; 32]).unwrap();
        assert_eq!(one.verifier, again.verifier);
        assert_ne!(one.verifier, other.verifier);
        assert_ne!(one.verifier, one.wrapper);
        let wrapped = one.wrap(&[9; 32]);
        assert_eq!(*again.wrap(&wrapped), [9; 32]);
        assert_ne!(*other.wrap(&wrapped), [9; 32]);
    }
}
