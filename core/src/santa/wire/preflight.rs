//! preflight's messages (spec §2.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::field::Token;
use super::schema::message;
use super::words::{ClientMode, FileAccessAction, SyncType};

message! {
    /// What a machine says of itself when a sync begins.
    ///
    /// ```
    /// use selvedge_core::santa::wire::PreflightRequest;
    ///
    /// let request = PreflightRequest { serial_number: "C0FFEE01".into(), ..PreflightRequest::default() };
    /// assert_eq!(serde_json::to_string(&request)?, r#"{"serial_num":"C0FFEE01"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    PreflightRequest {
        /// The machine's serial number; servers want one.
        serial_number: String = 1 "serial_num" | "serial_number";
        /// Its name.
        hostname: String = 2 "hostname";
        /// The system's version: whole numbers and dots.
        os_version: String = 3 "os_version";
        /// The system's build; servers want one.
        os_build: String = 4 "os_build";
        /// The machine's model.
        model_identifier: String = 5 "model_identifier";
        /// The version of Santa that this client is compatible with.
        santa_version: String = 6 "santa_version";
        /// Whose machine it is.
        primary_user: String = 7 "primary_user";
        /// Where push messages for it go; only while push is active.
        push_notification_token: Token = 8 "push_notification_token" | "fcm_token";
        /// Its mode at the moment.
        client_mode: Option<ClientMode> = 9 "client_mode";
        /// Whether it wants a clean sync.
        request_clean_sync: bool = 10 "request_clean_sync";
        /// Rules by file, transitive ones included.
        binary_rule_count: u32 = 11 "binary_rule_count";
        /// Rules by certificate.
        certificate_rule_count: u32 = 12 "certificate_rule_count";
        /// Rules for compilers, which are counted under their own type too.
        compiler_rule_count: u32 = 13 "compiler_rule_count";
        /// Rules that compilers' rules made.
        transitive_rule_count: u32 = 14 "transitive_rule_count";
        /// Rules by publisher.
        teamid_rule_count: u32 = 15 "teamid_rule_count";
        /// Rules by program of a publisher.
        signingid_rule_count: u32 = 16 "signingid_rule_count";
        /// Rules by code directory.
        cdhash_rule_count: u32 = 17 "cdhash_rule_count";
        /// The machine's id, as in the URL.
        machine_id: String = 18 "machine_id";
        /// Whether a push message caused this sync.
        push_notification_sync: bool = 19 "push_notification_sync";
        /// macOS only: its system integrity flags.
        sip_status: u32 = 20 "sipStatus" | "sip_status";
        /// The groups of the machine's user.
        primary_user_groups: Vec<String> = 21 "primary_user_groups";
        /// The hash of its rules.
        rules_hash: String = 22 "rulesHash" | "rules_hash";
    }
}

message! {
    /// What the server wants of a machine. Every field may be absent, and then keeps what was.
    ///
    /// ```
    /// use selvedge_core::santa::wire::{ClientMode, PreflightResponse};
    ///
    /// let response: PreflightResponse = serde_json::from_str(r#"{"batchSize":"7","client_mode":2,"new":[]}"#)?;
    /// assert_eq!(response.batch_size, Some(7));
    /// assert_eq!(response.client_mode, Some(ClientMode::Lockdown));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    PreflightResponse {
        /// The mode from the end of the sync on.
        client_mode: Option<ClientMode> = 1 "client_mode" | "clientMode";
        /// The kind of this sync.
        sync_type: Option<SyncType> = 2 "sync_type" | "syncType";
        /// Events in one request of eventupload.
        batch_size: Option<u32> = 3 "batch_size" | "batchSize";
        /// Whether bundles are hashed.
        enable_bundles: Option<bool> = 4 "enable_bundles" | "enableBundles";
        /// Whether compilers' rules make rules.
        enable_transitive_rules: Option<bool> = 5 "enable_transitive_rules" | "enableTransitiveRules";
        /// Whether every decision is uploaded.
        enable_all_event_upload: Option<bool> = 6 "enable_all_event_upload" | "enableAllEventUpload";
        /// Whether `ALLOW_UNKNOWN` is not uploaded.
        disable_unknown_event_upload: Option<bool> = 7 "disable_unknown_event_upload" | "disableUnknownEventUpload";
        /// Seconds between two syncs.
        full_sync_interval_seconds: Option<u32> = 8 "full_sync_interval" | "full_sync_interval_seconds";
        /// Seconds between two syncs while push is in use.
        push_notification_full_sync_interval_seconds: Option<u32> = 9
            "push_notification_full_sync_interval" | "push_notification_full_sync_interval_seconds";
        /// Seconds within which a rule sync that is meant for everybody begins.
        push_notification_global_rule_sync_deadline_seconds: Option<u32> = 10
            "push_notification_global_rule_sync_deadline" | "push_notification_global_rule_sync_deadline_seconds";
        /// Paths that may run; an empty text takes the server's pattern away.
        allowed_path_regex: Option<String> = 11 "allowed_path_regex" | "allowedPathRegex";
        /// Paths that may not run; an empty text takes the server's pattern away.
        blocked_path_regex: Option<String> = 12 "blocked_path_regex" | "blockedPathRegex";
        /// Whether removable media are blocked.
        block_usb_mount: Option<bool> = 13 "block_usb_mount" | "blockUsbMount";
        /// With these flags they may be mounted nevertheless.
        remount_usb_mode: Vec<String> = 14 "remount_usb_mode" | "remountUsbMode";
        /// What takes the place of file access rules' actions.
        override_file_access_action: Option<FileAccessAction> = 15
            "override_file_access_action" | "overrideFileAccessAction";
        /// Half of what leads to version 2 of the protocol.
        push_token: Token = 21 "push_token" | "pushToken";
        /// Where a user reads more of an event.
        event_detail_url: Option<String> = 26 "event_detail_url" | "eventDetailUrl";
        /// What the button says that leads there.
        event_detail_text: Option<String> = 27 "event_detail_text" | "eventDetailText";
        /// The other half of what leads to version 2 of the protocol.
        push_issuer_token: Token = 33 "push_issuer_token" | "pushIssuerToken";
        /// What happens to removable media.
        removable_media_policy: Option<MediaPolicy> = 36 "removable_media_policy" | "removableMediaPolicy";
        /// What happens to encrypted removable media.
        encrypted_removable_media_policy: Option<MediaPolicy> = 37
            "encrypted_removable_media_policy" | "encryptedRemovableMediaPolicy";
        /// The older name of `enable_transitive_rules`.
        enabled_transitive_whitelisting: Option<bool> = 1000
            "enabled_transitive_whitelisting" | "deprecated_enabled_transitive_whitelisting";
        /// Its other older name.
        transitive_whitelisting_enabled: Option<bool> = 1001
            "transitive_whitelisting_enabled" | "deprecated_transitive_whitelisting_enabled";
        /// The older name of `enable_bundles`.
        bundles_enabled: Option<bool> = 1002 "bundles_enabled" | "deprecated_bundles_enabled";
        /// The older name of `push_notification_full_sync_interval`.
        fcm_full_sync_interval_seconds: Option<u32> = 1003
            "fcm_full_sync_interval" | "deprecated_fcm_full_sync_interval_seconds";
        /// The older name of `push_notification_global_rule_sync_deadline`.
        fcm_global_rule_sync_deadline_seconds: Option<u32> = 1004
            "fcm_global_rule_sync_deadline" | "deprecated_fcm_global_rule_sync_deadline_seconds";
        /// The older name of `allowed_path_regex`.
        whitelist_regex: Option<String> = 1005 "whitelist_regex" | "deprecated_whitelist_regex";
        /// The older name of `blocked_path_regex`.
        blacklist_regex: Option<String> = 1006 "blacklist_regex" | "deprecated_blacklist_regex";
        /// The older form of `sync_type`: `true` means `CLEAN`.
        clean_sync: Option<bool> = 1007 "clean_sync" | "deprecated_clean_sync";
        /// Of 2018, when JSON was the only form: where the server wants logs, an absolute URL. It has no number; this one
        /// lies beyond those that the protocol uses.
        upload_logs_url: Option<String> = 536_870_911 "upload_logs_url";
    }
}

message! {
    /// What happens to removable media: one of the three.
    ///
    /// ```
    /// use selvedge_core::santa::wire::MediaPolicy;
    ///
    /// let policy: MediaPolicy = serde_json::from_str(r#"{"remount":{"flags":["rdonly"]}}"#)?;
    /// assert_eq!(policy.remount.unwrap().flags, ["rdonly"]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    MediaPolicy {
        /// They are mounted.
        allow: Option<bool> = 1 "allow";
        /// They are not mounted.
        block: Option<bool> = 2 "block";
        /// They are mounted with these flags.
        remount: Option<Remount> = 3 "remount";
    }
}

message! {
    /// How removable media are mounted.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Remount;
    ///
    /// assert!(Remount::default().flags.is_empty());
    /// ```
    Remount {
        /// Flags of mount.
        flags: Vec<String> = 1 "flags";
    }
}
