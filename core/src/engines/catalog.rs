//! Firefox's collections and their properties in the protocol (spec §4.7, §9.3).

/// A collection of Firefox.
///
/// ```
/// use selvedge_core::engines::FIREFOX_ENGINES;
///
/// let history = FIREFOX_ENGINES.iter().find(|engine| engine.name == "history").unwrap();
/// assert_eq!((history.version, history.ttl), (1, Some(5_184_000)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirefoxEngine {
    /// The collection's name.
    pub name: &'static str,
    /// The version of its records' format.
    pub version: u64,
    /// Time to live of its records on the server, in seconds.
    pub ttl: Option<u32>,
    /// Maximum number of records that the first sync downloads, newest first; later syncs download the rest.
    pub first_download: Option<u32>,
}

const fn engine(name: &'static str, version: u64, ttl: Option<u32>) -> FirefoxEngine {
    FirefoxEngine {
        name,
        version,
        ttl,
        first_download: None,
    }
}

/// All of Firefox's engines. A client that sets up an account lists them all in meta/global, because Firefox silently
/// disables every engine that is missing there.
pub const FIREFOX_ENGINES: [FirefoxEngine; 11] = [
    engine("clients", 1, Some(15_552_000)),
    engine("passwords", 1, None),
    engine("tabs", 1, Some(15_552_000)),
    engine("bookmarks", 2, None),
    engine("addons", 1, None),
    engine("addresses", 1, None),
    engine("creditcards", 1, None),
    engine("forms", 1, Some(94_608_000)),
    FirefoxEngine {
        first_download: Some(5000),
        ..engine("history", 1, Some(5_184_000))
    },
    engine("prefs", 2, None),
    engine("extension-storage", 1, None),
];
