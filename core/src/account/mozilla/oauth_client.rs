//! What this program is to an accounts server.

/// The client id of Firefox for desktops: Mozilla has no registration for other programs, so that this is the default.
pub const DEFAULT_CLIENT_ID: &str = "5882386c6d801776";

/// The OAuth scope of Sync's storage.
pub const SYNC_SCOPE: &str = "https://identity.mozilla.com/apps/oldsync";
