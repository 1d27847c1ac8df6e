//! The tables of [`vectors`](super::vectors), computed from the standard's definitions when the crate is compiled.
//!
//! A byte is an element of GF(2⁸) (FIPS 197, 4.2). It can be written as `k + i·ω` with `k` and `i` from the subfield of
//! sixteen elements, where `ω² + aω + a = 0`; the two halves make a *split* byte, `i` in its upper four bits. Then
//!
//! ```text
//! 1/(k + iω)  =  ((k + ai) + iω) / N       with the norm N = k² + aik + ai²
//! j + 1/(1/i + a/k)  =  N / (k + ai)       with j = i + k
//! i + 1/(1/j + a/k)  =  N / (k + ai + ak)
//! ```
//!
//! so that an inverse needs five lookups in tables of sixteen bytes, and every linear function of the inverse two more,
//! indexed by the left-hand sides of the last two lines. The idea is Hamburg's ("Accelerating AES with Vector Permute
//! Instructions", CHES 2009).

/// A table of sixteen bytes, to be looked up by half a byte.
pub(super) type Table = [u8; 16];

/// The lookup result for 1/0: its highest bit is set, so that it is outside of every table and the next lookup returns
/// 0.
const INFINITY: u8 = 0x80;

/// Added to every byte that is substituted (FIPS 197, 5.1.1).
pub(super) const SUBSTITUTED: u8 = 0x63;

/// All lookup tables for one direction of AES.
#[derive(Clone)]
pub(super) struct Tables {
    /// `1/x` and `a/x` in the subfield.
    pub(super) inverse: Table,
    pub(super) scaled_inverse: Table,
    /// From a plain byte to the split byte that is inverted in the first round, by its lower half and by its upper
    /// half.
    pub(super) enter: [Table; 2],
    /// From the two parts of an inverse to its contribution to the column's bytes 0, 3, 2 and 1 rows further down.
    pub(super) round: [[Table; 2]; 4],
    /// From the two parts of an inverse to a plain byte.
    pub(super) leave: [Table; 2],
    /// The source positions of a round's four parts: the shifted rows, and 0 to 3 rows further.
    pub(super) rows: [Table; 4],
}

/// The tables for encryption: after the inverse the affine map, and MixColumns' factors (FIPS 197, 5.1.3).
pub(super) const ENCRYPT: Tables = Tables {
    inverse: inverses(1),
    scaled_inverse: inverses(A),
    enter: enter(Before::Nothing),
    round: [
        leave(&Step::mixed(2)),
        leave(&Step::mixed(3)),
        leave(&Step::mixed(1)),
        leave(&Step::mixed(1)),
    ],
    leave: leave(&Step {
        affine: true,
        factor: 1,
        next: None,
    }),
    rows: [rows(0, 1), rows(1, 1), rows(2, 1), rows(3, 1)],
};

/// The tables for decryption: before the inverse the affine map's inverse, after it InvMixColumns' factors (5.3.3). The
/// round keys have to go through InvMixColumns too (5.3.5).
pub(super) const DECRYPT: Tables = Tables {
    inverse: inverses(1),
    scaled_inverse: inverses(A),
    enter: enter(Before::Affine),
    round: [
        leave(&Step::unmixed(14)),
        leave(&Step::unmixed(11)),
        leave(&Step::unmixed(13)),
        leave(&Step::unmixed(9)),
    ],
    leave: leave(&Step {
        affine: false,
        factor: 1,
        next: None,
    }),
    rows: [rows(0, 3), rows(1, 3), rows(2, 3), rows(3, 3)],
};

/// The operation that is undone before a byte is inverted.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Affine,
}

impl Before {
    const fn split(self, byte: u8) -> u8 {
        let byte = match self {
            Self::Nothing => byte,
            // The linear part of the inverse affine map.
            Self::Affine => byte.rotate_left(1) ^ byte.rotate_left(3) ^ byte.rotate_left(6),
        };
        SPLIT[byte as usize]
    }
}

/// The operations on a byte after its inverse, until the next inverse or the end.
struct Step {
    affine: bool,
    factor: u8,
    next: Option<Before>,
}

impl Step {
    const fn mixed(factor: u8) -> Self {
        Self {
            affine: true,
            factor,
            next: Some(Before::Nothing),
        }
    }

    const fn unmixed(factor: u8) -> Self {
        Self {
            affine: false,
            factor,
            next: Some(Before::Affine),
        }
    }

    const fn of(&self, byte: u8) -> u8 {
        let byte = if self.affine {
            byte ^ byte.rotate_left(1)
                ^ byte.rotate_left(2)
                ^ byte.rotate_left(3)
                ^ byte.rotate_left(4)
        } else {
            byte
        };
        let byte = product(byte, self.factor);
        match self.next {
            Some(before) => before.split(byte),
            None => byte,
        }
    }
}

/// The product in GF(2⁸) (FIPS 197, 4.2.1).
const fn product(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

const fn power(of: u8, exponent: u8) -> u8 {
    let mut power = 1;
    let mut n = 0;
    while n < exponent {
        power = product(power, of);
        n += 1;
    }
    power
}

const fn reciprocal(of: u8) -> u8 {
    power(of, 254)
}

/// The elements of the subfield, x¹⁶ = x. Their indexes in this table are their numbers: sums are `^` of both.
const SUBFIELD: Table = {
    let mut elements = [0; 16];
    let mut known = 1;
    let mut x = 1;
    while known < 16 {
        if power(x, 16) == x {
            let mut is_new = true;
            let mut n = 0;
            while n < known {
                is_new &= elements[n] != x;
                n += 1;
            }
            let mut n = 0;
            while is_new && n < known {
                elements[known + n] = elements[n] ^ x;
                n += 1;
            }
            known *= if is_new { 2 } else { 1 };
        }
        x += 1;
    }
    elements
};

/// ω: its trace ω + ω¹⁶ and its norm ω¹⁷ are the same element of the subfield, but not 0.
const OMEGA: u8 = {
    let mut x = 1;
    while x == power(x, 16) || x ^ power(x, 16) != power(x, 17) {
        x += 1;
    }
    x
};

/// a: trace and norm of ω.
const A: u8 = power(OMEGA, 17);

/// The split byte of each plain byte.
const SPLIT: [u8; 256] = {
    let mut split = [0; 256];
    let mut n = 0;
    while n < 256 {
        let byte = SUBFIELD[n & 15] ^ product(SUBFIELD[n >> 4], OMEGA);
        split[byte as usize] = n as u8;
        n += 1;
    }
    split
};

/// The numbers of `over / x` in the subfield.
const fn inverses(over: u8) -> Table {
    let mut table = [INFINITY; 16];
    let mut n = 1;
    while n < 16 {
        table[n] = SPLIT[product(over, reciprocal(SUBFIELD[n])) as usize];
        n += 1;
    }
    table
}

const fn enter(before: Before) -> [Table; 2] {
    let mut tables = [[0; 16]; 2];
    let mut n = 0;
    while n < 16 {
        tables[0][n] = before.split(n as u8);
        tables[1][n] = before.split((n as u8) << 4);
        n += 1;
    }
    tables
}

/// For an inverse `c + dω` the two parts are `1/c` and `1/(c + ac + a²d)`.
const fn leave(step: &Step) -> [Table; 2] {
    let of_second = product(OMEGA, reciprocal(product(A, A)));
    let of_first = 1 ^ product(1 ^ A, of_second);
    let mut tables = [[0; 16]; 2];
    let mut n = 1;
    while n < 16 {
        let part = reciprocal(SUBFIELD[n]);
        tables[0][n] = step.of(product(part, of_first));
        tables[1][n] = step.of(product(part, of_second));
        n += 1;
    }
    tables
}

/// The source position of each byte of a block (four columns of four): `further` rows down, of rows that are shifted by
/// `by` times their number (FIPS 197, 5.1.2; by 3 for its inverse).
const fn rows(further: usize, by: usize) -> Table {
    let mut table = [0; 16];
    let mut n = 0;
    while n < 16 {
        let row = (n + further) % 4;
        table[n] = (row + 4 * ((n / 4 + by * row) % 4)) as u8;
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn lookup(table: Table, at: u8) -> u8 {
        table.get(usize::from(at)).copied().unwrap_or(0)
    }

    /// The vector computation for one byte.
    fn inverted(tables: &Tables, split: u8) -> [u8; 2] {
        let (k, i) = (split & 15, split >> 4);
        let scaled = lookup(tables.scaled_inverse, k);
        [(i, i ^ k), (i ^ k, i)]
            .map(|(of, and)| lookup(tables.inverse, lookup(tables.inverse, of) ^ scaled) ^ and)
    }

    fn pair(tables: [Table; 2], [a, b]: [u8; 2]) -> u8 {
        lookup(tables[0], a) ^ lookup(tables[1], b)
    }

    #[test]
    fn every_byte_is_substituted_as_the_standard_specifies_and_back() {
        for byte in 0..=255 {
            let inverse = (0..=255)
                .find(|other| product(byte, *other) == 1)
                .unwrap_or(0);
            let expected = (0..5).fold(SUBSTITUTED, |sum, n| sum ^ inverse.rotate_left(n));
            let split = pair(ENCRYPT.enter, [byte & 15, byte >> 4]);
            let substituted = pair(ENCRYPT.leave, inverted(&ENCRYPT, split)) ^ SUBSTITUTED;
            assert_eq!(substituted, expected);
            let linear = substituted ^ SUBSTITUTED;
            let split = pair(DECRYPT.enter, [linear & 15, linear >> 4]);
            assert_eq!(pair(DECRYPT.leave, inverted(&DECRYPT, split)), byte);
        }
    }

    /// SubBytes without its constant, ShiftRows and MixColumns, or the inverses of the three, byte by byte.
    fn expected(block: Table, tables: &Tables, by: usize, factors: [u8; 4]) -> Table {
        let bytes = block.map(|byte| {
            let split = pair(tables.enter, [byte & 15, byte >> 4]);
            pair(tables.leave, inverted(tables, split))
        });
        core::array::from_fn(|n| {
            (0..4).fold(0, |sum, further| {
                let (row, column) = ((n + further) % 4, n / 4);
                let from = row + 4 * ((column + by * row) % 4);
                sum ^ product(bytes[from], factors[further])
            })
        })
    }

    #[test]
    fn a_round_mixes_columns_as_the_standard_specifies_and_back() {
        let block = core::array::from_fn(|n| (n as u8).wrapping_mul(29));
        for (tables, by, factors) in [(&ENCRYPT, 1, [2, 3, 1, 1]), (&DECRYPT, 3, [14, 11, 13, 9])] {
            let inverses =
                block.map(|byte| inverted(tables, pair(tables.enter, [byte & 15, byte >> 4])));
            let turned: Table = core::array::from_fn(|n| {
                let parts = tables.round.iter().zip(&tables.rows);
                parts.fold(0, |sum, (part, rows)| {
                    sum ^ pair(*part, inverses[usize::from(rows[n])])
                })
            });
            let expected = expected(block, tables, by, factors);
            let entered = expected.map(|byte| pair(tables.enter, [byte & 15, byte >> 4]));
            assert_eq!(turned, entered);
        }
    }

    #[test]
    fn the_inverse_row_shift_restores_the_rows() {
        let there = rows(0, 1);
        let back = rows(0, 3);
        assert_eq!(there[..8], [0, 5, 10, 15, 4, 9, 14, 3]);
        for n in 0..16 {
            assert_eq!(usize::from(there[usize::from(back[n])]), n);
        }
    }
}
