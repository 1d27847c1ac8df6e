//! Random passwords.

use selvedge_host::exit::Result;
use zeroize::Zeroizing;

use crate::commands::typed::random;

const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const SYMBOLS: &[u8] = b"-_.:!?*+=%&@";

/// A password in which every character is equally likely, with at least one letter, one digit and, if it has symbols, one
/// symbol.
pub(super) fn password(length: u16, has_symbols: bool) -> Result<Zeroizing<String>> {
    let mut letters = LETTERS.to_vec();
    if has_symbols {
        letters.extend(SYMBOLS);
    }
    loop {
        let mut password = Zeroizing::new(String::with_capacity(length.into()));
        while password.len() < usize::from(length) {
            let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(random()?);
            // Values beyond the last whole multiple are dropped: the rest would be more likely.
            let limit = 256 / letters.len() * letters.len();
            for byte in bytes
                .iter()
                .map(|byte| usize::from(*byte))
                .filter(|byte| *byte < limit)
            {
                if password.len() < usize::from(length)
                    && let Some(letter) = letters.get(byte % letters.len())
                {
                    password.push(char::from(*letter));
                }
            }
        }
        let has = |test: fn(&u8) -> bool| password.as_bytes().iter().any(test);
        let is_whole = has(u8::is_ascii_alphabetic)
            && has(u8::is_ascii_digit)
            && (!has_symbols || has(|byte| SYMBOLS.contains(byte)));
        if is_whole {
            return Ok(password);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_their_length_and_all_kinds_of_characters() {
        for (length, has_symbols) in [(8, true), (20, true), (20, false), (256, true)] {
            let one = password(length, has_symbols).unwrap();
            assert_eq!(one.len(), usize::from(length));
            assert_ne!(*one, *password(length, has_symbols).unwrap());
            assert!(one.bytes().any(|byte| byte.is_ascii_digit()));
            assert_eq!(one.bytes().any(|byte| SYMBOLS.contains(&byte)), has_symbols);
        }
    }
}
