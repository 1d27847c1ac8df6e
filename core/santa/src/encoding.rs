//! Content encodings of bodies: zlib, gzip, or no compression (spec §1.3).
//!
//! There is no negotiation: a server accepts the encoding or the request fails. `deflate` is a zlib stream, never a raw
//! deflate stream.

use alloc::vec::Vec;

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

/// The compression level: zlib's default.
const LEVEL: u8 = 6;

/// gzip's fixed header: deflate, no flags, no time, unknown operating system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How bodies are compressed.
///
/// ```
/// use selvedge_santa::Encoding;
///
/// let packed = Encoding::Gzip.pack(b"hello".to_vec());
/// assert_eq!(Encoding::unpack(Some("gzip"), packed, 1000)?, b"hello");
/// assert_eq!(Encoding::from_setting("ANYTHING"), Encoding::Deflate);
/// # Ok::<(), selvedge_santa::BadEncoding>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// A zlib stream with the name `deflate`.
    #[default]
    Deflate,
    /// A zlib stream with the name `zlib`, which servers before 2021 require.
    Zlib,
    /// gzip.
    Gzip,
    /// No compression.
    Plain,
}

/// Why a body cannot be decompressed.
///
/// ```
/// use selvedge_santa::BadEncoding;
///
/// assert_eq!(BadEncoding::Damaged.to_string(), "the compressed body is damaged");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEncoding {
    /// The bytes are not valid for the encoding.
    #[error("the compressed body is damaged")]
    Damaged,
    /// The decompressed body is larger than allowed.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// The encoding is not supported.
    #[error("the body's content encoding is unknown")]
    Unknown,
}

impl Encoding {
    /// Parses the setting `SyncClientContentEncoding`, case-insensitive; an unknown value means `deflate`.
    #[must_use]
    pub fn from_setting(text: &str) -> Self {
        let named = |name: &str| text.eq_ignore_ascii_case(name);
        match () {
            () if named("gzip") => Self::Gzip,
            () if named("none") => Self::Plain,
            () if named("zlib") => Self::Zlib,
            () => Self::Deflate,
        }
    }

    /// The value of `Content-Encoding`; `None` for no header.
    #[must_use]
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Deflate => Some("deflate"),
            Self::Zlib => Some("zlib"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }

    /// Compresses a body. An empty body stays empty and is sent without the header.
    #[must_use]
    pub fn pack(self, body: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Plain => body,
            _ if body.is_empty() => body,
            Self::Deflate | Self::Zlib => compress_to_vec_zlib(&body, LEVEL),
            Self::Gzip => gzip(&body),
        }
    }

    /// Decompresses a body by its `Content-Encoding`, to at most `limit` bytes.
    ///
    /// # Errors
    /// When it is damaged, too large, or has an unsupported encoding.
    pub fn unpack(
        header: Option<&str>,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<u8>, BadEncoding> {
        let name = header.map_or("", str::trim);
        let named = |other: &str| name.eq_ignore_ascii_case(other);
        if body.is_empty() {
            Ok(body)
        } else if name.is_empty() || named("identity") {
            if body.len() <= limit {
                Ok(body)
            } else {
                Err(BadEncoding::TooLarge)
            }
        } else if named("deflate") || named("zlib") {
            decompress_to_vec_zlib_with_limit(&body, limit).map_err(bad)
        } else if named("gzip") || named("x-gzip") {
            gunzip(&body, limit)
        } else {
            Err(BadEncoding::Unknown)
        }
    }
}

fn bad(error: miniz_oxide::inflate::DecompressError) -> BadEncoding {
    match error.status {
        miniz_oxide::inflate::TINFLStatus::HasMoreOutput => BadEncoding::TooLarge,
        _ => BadEncoding::Damaged,
    }
}

/// One gzip member (RFC 1952).
pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = GZIP_HEADER.to_vec();
    out.extend(compress_to_vec(body, LEVEL));
    out.extend(crc32(body).to_le_bytes());
    out.extend(size(body).to_le_bytes());
    out
}

/// The length in gzip's form: modulo 2^32.
fn size(body: &[u8]) -> u32 {
    (body.len() as u64 & u64::from(u32::MAX)) as u32
}

/// Decompresses one gzip member and verifies its checksum and length.
fn gunzip(packed: &[u8], limit: usize) -> Result<Vec<u8>, BadEncoding> {
    let (start, trailer) = packed.split_last_chunk::<8>().ok_or(BadEncoding::Damaged)?;
    let stream = after_header(start).ok_or(BadEncoding::Damaged)?;
    let body = decompress_to_vec_with_limit(stream, limit).map_err(bad)?;
    let mut expected = [0; 8];
    let (checksum, length) = expected.split_at_mut(4);
    checksum.copy_from_slice(&crc32(&body).to_le_bytes());
    length.copy_from_slice(&size(&body).to_le_bytes());
    if *trailer == expected {
        Ok(body)
    } else {
        Err(BadEncoding::Damaged)
    }
}

/// The data after gzip's header and its optional parts.
fn after_header(packed: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = packed.split_first_chunk::<10>()?;
    let [0x1f, 0x8b, 8, flags, ..] = *header else {
        return None;
    };
    if flags & 4 != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    // A file name, then a comment, each ended by a zero byte.
    for flag in [8, 16] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    match flags & 2 {
        0 => Some(rest),
        _ => rest.get(2..),
    }
}

/// gzip's checksum, with a lookup table of sixteen entries.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut index = 0;
        while index < 16 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 {
                    (value >> 1) ^ 0xedb8_8320
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    let nibble = |crc: u32, value: u32| {
        let index = ((crc ^ value) & 15) as usize;
        TABLE.get(index).map_or(0, |entry| (crc >> 4) ^ entry)
    };
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        let byte = u32::from(*byte);
        nibble(nibble(crc, byte), byte >> 4)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_checksum_equals_the_documented_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn every_setting_has_its_header() {
        for (setting, header) in [
            ("deflate", Some("deflate")),
            ("Deflate", Some("deflate")),
            ("", Some("deflate")),
            ("brotli", Some("deflate")),
            ("zlib", Some("zlib")),
            ("GZIP", Some("gzip")),
            ("None", None),
        ] {
            assert_eq!(
                Encoding::from_setting(setting).header(),
                header,
                "{setting}"
            );
        }
    }

    #[test]
    fn deflate_is_a_zlib_stream() {
        let packed = Encoding::Deflate.pack(b"{}".to_vec());
        assert_eq!(packed.first(), Some(&0x78));
        assert_eq!(
            Encoding::unpack(Some("deflate"), compress_to_vec(b"{}", 6), 10),
            Err(BadEncoding::Damaged)
        );
    }

    #[test]
    fn a_gzip_header_with_all_optional_parts_is_skipped() {
        let mut packed = [0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3].to_vec();
        packed.extend(b"\x03\x00abcname\0comment\0\x01\x02");
        packed.extend(gzip(b"hello").get(10..).unwrap());
        assert_eq!(Encoding::unpack(Some("gzip"), packed, 5).unwrap(), b"hello");
    }

    #[test]
    fn a_body_that_would_exceed_the_limit_is_not_decompressed() {
        let body = [0; 100_000];
        for encoding in [Encoding::Deflate, Encoding::Gzip, Encoding::Plain] {
            let packed = encoding.pack(body.to_vec());
            let unpacked = Encoding::unpack(encoding.header(), packed, 99_999);
            assert_eq!(unpacked, Err(BadEncoding::TooLarge), "{encoding:?}");
        }
        assert_eq!(
            Encoding::unpack(Some("br"), [1].into(), 10),
            Err(BadEncoding::Unknown)
        );
    }

    proptest! {
        #[test]
        fn compressed_bodies_are_decompressed_again(body in any::<Vec<u8>>()) {
            for encoding in [Encoding::Deflate, Encoding::Zlib, Encoding::Gzip, Encoding::Plain] {
                let packed = encoding.pack(body.clone());
                prop_assert_eq!(&Encoding::unpack(encoding.header(), packed, 1 << 20).unwrap(), &body);
            }
        }

        #[test]
        fn a_changed_byte_is_detected_and_none_panics(
            body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<proptest::sample::Index>(), bit in 0..8_u32,
        ) {
            let mut packed = gzip(&body);
            let at = at.index(packed.len());
            packed[at] ^= 1_u8 << bit;
            // The header's flags, time and system are not covered by the checksum.
            if let Ok(unpacked) = Encoding::unpack(Some("gzip"), packed, 1 << 20) {
                prop_assert!(at < 10 || unpacked == body);
            }
            let _any = Encoding::unpack(Some("gzip"), body.clone(), 1000);
            let _any = Encoding::unpack(Some("deflate"), body, 1000);
        }
    }
}
