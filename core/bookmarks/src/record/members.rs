//! The values of single members, as Firefox normalises them (collections.md §2.3 rules 3–6).

use std::collections::HashSet;

use url::Url;

/// Maximum length of a title, in UTF-16 units; a longer one is cut.
pub const MAX_TITLE_LENGTH: usize = 4096;

/// Maximum length of a tag, in UTF-16 units; a longer one is dropped.
pub const MAX_TAG_LENGTH: usize = 100;

/// Maximum length of a URL, in UTF-16 units.
pub const MAX_URL_LENGTH: usize = 65_536;

/// 1993-01-23 in milliseconds: dates up to this one are not believed.
pub const EARLIEST_DATE: i64 = 727_747_200_000;

/// Cuts a title to [`MAX_TITLE_LENGTH`].
///
/// ```
/// use selvedge_bookmarks::record::clean_title;
///
/// assert_eq!(clean_title("x".repeat(5000)).len(), 4096);
/// ```
#[must_use]
pub fn clean_title(mut title: String) -> String {
    if title.len() > MAX_TITLE_LENGTH {
        let mut units = 0;
        let end = title.char_indices().find_map(|(index, letter)| {
            units += letter.len_utf16();
            (units > MAX_TITLE_LENGTH).then_some(index)
        });
        if let Some(end) = end {
            title.truncate(end);
        }
    }
    title
}

/// Trims tags and drops those that are empty, too long or repeated.
///
/// ```
/// use selvedge_bookmarks::record::clean_tags;
///
/// assert_eq!(clean_tags([" red ", "", "red", "blue"]), ["red", "blue"]);
/// ```
#[must_use]
pub fn clean_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    tags.into_iter()
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && tag.encode_utf16().count() <= MAX_TAG_LENGTH)
        .filter(|tag| seen.insert(*tag))
        .map(str::to_owned)
        .collect()
}

/// Trims a keyword and makes it lower case; `None` if nothing is left.
///
/// ```
/// use selvedge_bookmarks::record::clean_keyword;
///
/// assert_eq!(clean_keyword(" Wiki ").as_deref(), Some("wiki"));
/// assert_eq!(clean_keyword("  "), None);
/// ```
#[must_use]
pub fn clean_keyword(keyword: &str) -> Option<String> {
    let keyword = keyword.trim().to_lowercase();
    (!keyword.is_empty()).then_some(keyword)
}

/// Parses and normalises a URL; `None` if it is too long or not an absolute URL.
///
/// ```
/// use selvedge_bookmarks::record::clean_url;
///
/// assert_eq!(clean_url("HTTPS://Example.org").as_deref(), Some("https://example.org/"));
/// assert_eq!(clean_url("no address"), None);
/// ```
#[must_use]
pub fn clean_url(url: &str) -> Option<String> {
    // A UTF-16 unit is at most three bytes, so a short text needs no counting.
    let too_long = url.len() > MAX_URL_LENGTH && url.encode_utf16().count() > MAX_URL_LENGTH;
    if too_long {
        return None;
    }
    Url::parse(url).ok().map(String::from)
}

/// What an old query becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryFix {
    /// It is already as Firefox writes it.
    Keep,
    /// It must be rewritten to this URL and uploaded again.
    Rewrite(String),
    /// It cannot be used.
    Invalid,
}

/// Rewrites queries of old clients, which name folders by row numbers (collections.md §2.3 rule 6).
pub(super) fn fix_query(url: &str, folder_name: Option<&str>) -> QueryFix {
    let Some(query) = url.strip_prefix("place:") else {
        return QueryFix::Keep;
    };
    let parameter = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    if parameter("type") == Some("7") {
        let tag = clean_tags(folder_name).pop();
        return tag.map_or(QueryFix::Invalid, |tag| {
            QueryFix::Rewrite(format!("place:tag={}", encode(&tag)))
        });
    }
    if parameter("folder").is_some() && parameter("excludeItems").is_none() {
        return QueryFix::Rewrite(format!("{url}&excludeItems=1"));
    }
    QueryFix::Keep
}

/// Percent-encodes what would end a parameter's value, and all but ASCII, as a parsed URL would have it.
fn encode(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_queries_are_rewritten() {
        let rewritten = |url: &str| QueryFix::Rewrite(url.to_owned());
        for (url, name, expected) in [
            ("place:tag=red", None, QueryFix::Keep),
            ("place:type=6&sort=14", None, QueryFix::Keep),
            ("https://example.org/?type=7", None, QueryFix::Keep),
            (
                "place:type=7&folder=12",
                Some("a & b"),
                rewritten("place:tag=a%20%26%20b"),
            ),
            ("place:type=7&folder=12", Some(" "), QueryFix::Invalid),
            ("place:type=7", None, QueryFix::Invalid),
            (
                "place:folder=12",
                None,
                rewritten("place:folder=12&excludeItems=1"),
            ),
            ("place:folder=12&excludeItems=1", None, QueryFix::Keep),
        ] {
            assert_eq!(fix_query(url, name), expected, "{url}");
        }
    }

    #[test]
    fn titles_are_cut_between_characters_by_utf16_units() {
        assert_eq!(clean_title("😀".repeat(3000)), "😀".repeat(2048));
        assert_eq!(clean_title("ü".repeat(4096)), "ü".repeat(4096));
        assert_eq!(clean_title("ü".repeat(4097)), "ü".repeat(4096));
    }

    #[test]
    fn tags_and_urls_have_a_maximum_length() {
        let longest = "t".repeat(100);
        assert_eq!(
            clean_tags([longest.as_str(), &"t".repeat(101)]),
            std::slice::from_ref(&longest)
        );
        assert!(clean_url(&format!("https://example.org/{}", "a".repeat(65_516))).is_some());
        assert!(clean_url(&format!("https://example.org/{}", "a".repeat(65_517))).is_none());
        for url in [
            "javascript:alert(1)",
            "place:tag=red",
            "data:text/plain,x",
            "about:config",
        ] {
            assert_eq!(clean_url(url).as_deref(), Some(url));
        }
    }
}
