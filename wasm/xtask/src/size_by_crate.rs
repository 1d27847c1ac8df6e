//! The size of a module's code by crate.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// The code of one crate in a module: its name, its bytes, and its bytes with gzip, compressed separately.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CrateSize {
    pub(crate) name: String,
    pub(crate) bytes: usize,
    pub(crate) compressed: usize,
}

/// The size of a module's code by crate, largest first. The module must have the names of its functions. `None` if it is not
/// a module.
pub(crate) fn size_by_crate(module: &[u8]) -> Option<Vec<CrateSize>> {
    let mut bodies: Vec<&[u8]> = Vec::new();
    let mut names: BTreeMap<usize, &str> = BTreeMap::new();
    let mut crates: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut imported = 0;
    let mut rest = Reader(module.strip_prefix(b"\0asm\x01\0\0\0")?);
    while !rest.0.is_empty() {
        let kind = rest.byte()?;
        let content = rest.bytes()?;
        let mut section = Reader(content);
        match kind {
            IMPORTS => imported = imported_functions(&mut section)?,
            CODE => {
                for _ in 0..section.number()? {
                    bodies.push(section.bytes()?);
                }
            }
            DATA => crates.entry("(data)".into()).or_default().extend(content),
            CUSTOM if section.bytes()? == b"name" => names = function_names(&mut section)?,
            _ => {}
        }
    }
    for (at, body) in bodies.into_iter().enumerate() {
        let name = names.get(&(imported + at)).copied().unwrap_or_default();
        crates.entry(crate_of(name)).or_default().extend(body);
    }
    let mut sizes: Vec<CrateSize> = crates
        .into_iter()
        .map(|(name, bytes)| CrateSize {
            name,
            bytes: bytes.len(),
            compressed: gzip_size(&bytes),
        })
        .collect();
    sizes.sort_by(|a, b| b.compressed.cmp(&a.compressed).then(a.name.cmp(&b.name)));
    Some(sizes)
}

/// The size of bytes with gzip.
pub(crate) fn gzip_size(bytes: &[u8]) -> usize {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let written = gzip.write_all(bytes).and_then(|()| gzip.finish());
    written.expect("writing to memory does not fail").len()
}

fn imported_functions(section: &mut Reader<'_>) -> Option<usize> {
    let mut functions = 0;
    for _ in 0..section.number()? {
        section.bytes()?;
        section.bytes()?;
        match section.byte()? {
            0 => {
                section.number()?;
                functions += 1;
            }
            kind @ (1 | 2) => {
                if kind == 1 {
                    section.byte()?;
                }
                let flags = section.byte()?;
                section.number()?;
                if flags & 1 == 1 {
                    section.number()?;
                }
            }
            _ => {
                section.byte()?;
                section.byte()?;
            }
        }
    }
    Some(functions)
}

fn function_names<'a>(section: &mut Reader<'a>) -> Option<BTreeMap<usize, &'a str>> {
    const FUNCTIONS: u8 = 1;
    let mut names = BTreeMap::new();
    while !section.0.is_empty() {
        let kind = section.byte()?;
        let mut list = Reader(section.bytes()?);
        if kind == FUNCTIONS {
            for _ in 0..list.number()? {
                let at = list.number()?;
                names.insert(at, std::str::from_utf8(list.bytes()?).ok()?);
            }
        }
    }
    Some(names)
}

/// The crate of a function: the first segment of the first path in its name.
fn crate_of(name: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let path = name.split_once("::").map(|(before, _)| before);
    let word = path.and_then(|before| before.rsplit(|letter| !is_word(letter)).next());
    match word.unwrap_or_default() {
        "" => "(others)".into(),
        word => word.into(),
    }
}

/// Reads a module from its current position.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_of_a_function_is_in_its_name() {
        let rows = [
            (
                "selvedge_core::sync::sync::pass::h0123456789abcdef",
                "selvedge_core",
            ),
            ("<alloc::vec::Vec<T>>::push", "alloc"),
            (
                "<&mut selvedge_core::json::Value as core::fmt::Display>::fmt",
                "selvedge_core",
            ),
            ("<&T as core::fmt::Debug>::fmt", "core"),
            ("client_sync", "(others)"),
            ("", "(others)"),
        ];
        for (name, crate_name) in rows {
            assert_eq!(crate_of(name), crate_name, "{name}");
        }
    }

    #[test]
    fn code_is_counted_by_crate_and_other_bytes_are_refused() {
        let name = b"alloc::vec";
        let mut functions = vec![1, (name.len() + 3) as u8, 1, 0, name.len() as u8];
        functions.extend(name);
        let mut custom = vec![4];
        custom.extend(b"name");
        custom.extend(&functions);
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([CODE, 5, 1, 3, 0, 1, 11]);
        module.extend([CUSTOM, custom.len() as u8]);
        module.extend(&custom);
        let found = size_by_crate(&module).unwrap();
        assert_eq!(
            (found[0].name.as_str(), found[0].bytes, found.len()),
            ("alloc", 3, 1)
        );
        for cut in 1..module.len() {
            // A truncated module must neither panic nor loop.
            let _ = size_by_crate(&module[..cut]);
        }
        assert_eq!(size_by_crate(b"no module"), None);
    }
}
