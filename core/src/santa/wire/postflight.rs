//! postflight's messages (spec §2.6).

use alloc::string::String;

use super::schema::message;
use super::words::SyncType;

message! {
    /// What became of a sync.
    ///
    /// ```
    /// use selvedge_core::santa::wire::{PostflightRequest, SyncType};
    ///
    /// let request = PostflightRequest { sync_type: Some(SyncType::Normal), ..PostflightRequest::default() };
    /// assert_eq!(serde_json::to_string(&request)?, r#"{"syncType":"NORMAL"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    PostflightRequest {
        /// Rules of all pages.
        rules_received: u32 = 1 "rules_received";
        /// Those of them that are valid.
        rules_processed: u32 = 2 "rules_processed";
        /// The machine's id, as in the URL.
        machine_id: String = 3 "machine_id";
        /// The kind of sync that was done.
        sync_type: Option<SyncType> = 4 "syncType" | "sync_type";
        /// The hash of the rules as they are now.
        rules_hash: String = 5 "rulesHash" | "rules_hash";
    }
}

message! {
    /// The server's answer, which says nothing.
    ///
    /// ```
    /// use selvedge_core::santa::wire::PostflightResponse;
    ///
    /// let _nothing: PostflightResponse = serde_json::from_str(r#"{"status":"ok"}"#)?;
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    PostflightResponse {}
}
