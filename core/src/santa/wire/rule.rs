//! ruledownload's messages (spec §2.5).

use alloc::string::String;
use alloc::vec::Vec;

use super::schema::message;
use super::words::{Policy, RuleType};

message! {
    /// Asks for a page of rules.
    ///
    /// ```
    /// use selvedge_core::santa::wire::RuleDownloadRequest;
    ///
    /// let request = RuleDownloadRequest { cursor: "2".into(), machine_id: "M".into() };
    /// assert_eq!(serde_json::to_string(&request)?, r#"{"cursor":"2","machine_id":"M"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    RuleDownloadRequest {
        /// What the last page said comes next; nothing for the first.
        cursor: String = 1 "cursor";
        /// The machine's id, as in the URL.
        machine_id: String = 2 "machine_id";
    }
}

message! {
    /// A page of rules.
    ///
    /// ```
    /// use selvedge_core::santa::wire::RuleDownloadResponse;
    ///
    /// let page: RuleDownloadResponse = serde_json::from_str(r#"{"rules":null}"#)?;
    /// assert!(page.rules.is_empty() && page.cursor.is_empty());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    RuleDownloadResponse {
        /// Its rules, in the order in which they are applied.
        rules: Vec<RuleMessage> = 1 "rules";
        /// What comes next; nothing after the last page.
        cursor: String = 2 "cursor";
    }
}

message! {
    /// A rule as a server sends it. Nothing of it has been checked yet: [`Change::read`](crate::santa::Change::read)
    /// does.
    ///
    /// ```
    /// use selvedge_core::santa::wire::{Policy, RuleMessage};
    ///
    /// let rule: RuleMessage = serde_json::from_str(r#"{"sha256":"ab","policy":"WHITELIST","ruleType":"BINARY"}"#)?;
    /// assert_eq!(rule.policy, Some(Policy::Allowlist));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    RuleMessage {
        /// What it is about.
        identifier: String = 1 "identifier";
        /// What it does.
        policy: Option<Policy> = 2 "policy";
        /// What the identifier names.
        rule_type: Option<RuleType> = 3 "rule_type" | "ruleType";
        /// What a user is told.
        custom_msg: String = 4 "custom_msg" | "customMsg";
        /// Where a user reads more.
        custom_url: String = 5 "custom_url" | "customUrl";
        /// The bundle it belongs to.
        file_bundle_hash: String = 6 "file_bundle_hash" | "fileBundleHash";
        /// So many rules the bundle has.
        file_bundle_binary_count: u32 = 7 "file_bundle_binary_count" | "fileBundleBinaryCount";
        /// The program that a user is told may run now.
        notification_app_name: String = 8 "notification_app_name" | "notificationAppName";
        /// The expression that decides.
        cel_expr: String = 9 "cel_expr" | "celExpr";
        /// What the button says that leads to more.
        event_detail_button_label: String = 12 "event_detail_button_label" | "eventDetailButtonLabel";
        /// The older name of `identifier`.
        sha256: String = 1000 "sha256" | "deprecated_sha256";
    }
}
