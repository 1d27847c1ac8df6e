//! The collections that Firefox keeps, with what the protocol says of each (spec §4.7, §9.3).

/// A collection of Firefox's.
///
/// ```
/// use selvedge_core::engine::FIREFOX_ENGINES;
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
    /// How long the server keeps its records, in seconds.
    pub ttl: Option<u32>,
    /// A first reading takes so many records, the newest, and leaves the others for later syncs.
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

/// All of Firefox's engines. A client that sets an account up lists them all in meta/global, because Firefox silently
/// switches off every engine of its own that the list lacks.
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
