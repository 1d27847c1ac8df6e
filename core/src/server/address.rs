//! URLs, built once: the text that is signed is the text that is sent (spec §0.7, §2.8).

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use crate::error::Error;
use crate::ids::{CollectionName, RecordId};

/// Appends `text` with everything but unreserved characters as `%XX`.
pub(crate) fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a String takes any text");
        }
    }
}

/// The path of a collection.
///
/// `.` and `..` are allowed as names, but every URL library would read them as steps in the path, and a DELETE of
/// `storage/..` as one of everything: they are refused.
pub(crate) fn collection(name: &CollectionName) -> Result<String, Error> {
    refuse_step(name.as_str())?;
    Ok(format!("storage/{name}"))
}

/// The path of a record, encoded.
pub(crate) fn record(name: &CollectionName, id: &RecordId) -> Result<String, Error> {
    refuse_step(id.as_str())?;
    let mut path = collection(name)?;
    path.push('/');
    push_encoded(&mut path, id.as_str());
    Ok(path)
}

fn refuse_step(segment: &str) -> Result<(), Error> {
    if matches!(segment, "." | "..") {
        return Err(Error::Input(format!(
            "'{segment}' cannot be named in a URL: the server cannot be asked for it alone"
        )));
    }
    Ok(())
}

/// Appends one parameter of the query; `value` is taken as it is.
pub(crate) fn push_parameter(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(name);
    url.push('=');
    url.push_str(value);
}

/// Appends one parameter of the query, its value encoded.
pub(crate) fn push_encoded_parameter(url: &mut String, name: &str, value: &str) {
    push_parameter(url, name, "");
    push_encoded(url, value);
}

/// How many of `ids` fit into one request, and their `ids=` value: at most `most`, and the URL below 2 KiB.
pub(crate) fn ids_value(ids: &[RecordId], most: usize) -> (usize, String) {
    /// Leaves room for the endpoint and other parameters.
    const VALUE_BYTES: usize = 1536;
    let mut value = String::new();
    let mut count = 0;
    for id in ids.iter().take(most) {
        let mut encoded = String::new();
        push_encoded(&mut encoded, id.as_str());
        if count > 0 && value.len() + 1 + encoded.len() > VALUE_BYTES {
            break;
        }
        if count > 0 {
            value.push(',');
        }
        value.push_str(&encoded);
        count += 1;
    }
    (count, value)
}

/// Checks the address of a service and brings it into one form: `http` or `https`, a host, no query, no trailing slash.
pub(crate) fn service(url: &str) -> Result<String, Error> {
    let text = url.trim();
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_usable = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && rest.len() < 1024
            && rest.bytes().all(|byte| {
                byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'"' | b'\\')
            })
    });
    if is_usable {
        Ok(text.trim_end_matches('/').into())
    } else {
        Err(Error::Input(
            "a server's address looks like https://sync.example.org".into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn notes() -> CollectionName {
        CollectionName::new("notes").unwrap()
    }

    #[test]
    fn ids_are_encoded_in_paths_and_queries() {
        let id = RecordId::new("{a b}/?#%,~").unwrap();
        assert_eq!(
            record(&notes(), &id).unwrap(),
            "storage/notes/%7Ba%20b%7D%2F%3F%23%25%2C~"
        );
        let mut url = String::from("x");
        push_encoded_parameter(&mut url, "offset", "17:3");
        push_parameter(&mut url, "full", "1");
        assert_eq!(url, "x?offset=17%3A3&full=1");
    }

    #[test]
    fn a_name_that_a_url_library_reads_as_a_step_is_refused() {
        for step in [".", ".."] {
            assert!(matches!(
                collection(&CollectionName::new(step).unwrap()),
                Err(Error::Input(_))
            ));
            assert!(matches!(
                record(&notes(), &RecordId::new(step).unwrap()),
                Err(Error::Input(_))
            ));
        }
    }

    #[test]
    fn ids_go_in_bounded_chunks() {
        let guids: Vec<RecordId> = (0..200)
            .map(|n| RecordId::new(format!("guid{n:08}")).unwrap())
            .collect();
        assert_eq!(ids_value(&guids, 50).0, 50);
        let (count, value) = ids_value(&guids, 200);
        assert!(
            count > 100 && value.len() <= 1536,
            "{count} {}",
            value.len()
        );
        let odd: Vec<RecordId> = (0..20)
            .map(|_| RecordId::new("%".repeat(64)).unwrap())
            .collect();
        let (count, value) = ids_value(&odd, 50);
        assert!((1..20).contains(&count) && value.len() <= 1536);
        assert_eq!(ids_value(&[], 50), (0, String::new()));
    }

    #[test]
    fn addresses_of_services_have_one_form() {
        assert_eq!(
            service(" https://a.example/x/ ").unwrap(),
            "https://a.example/x"
        );
        assert_eq!(
            service("http://127.0.0.1:8000").unwrap(),
            "http://127.0.0.1:8000"
        );
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://u:p@a.example",
            "https://a.example/?q",
            "https://a b",
        ] {
            assert!(matches!(service(bad), Err(Error::Input(_))), "{bad}");
        }
    }
}
