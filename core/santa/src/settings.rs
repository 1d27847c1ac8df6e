//! The settings that a server sets on a machine, and how a response changes them (spec §2.1, §2.6).
//!
//! An absent field keeps the previous value: presence matters, not the value. An empty pattern removes the server's
//! pattern.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::wire::{ClientMode, FileAccessAction, MediaPolicy, PreflightResponse};

/// How removable media are treated.
///
/// ```
/// use selvedge_santa::Media;
///
/// assert_eq!(serde_json::to_string(&Media::Block)?, r#""block""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// They are mounted.
    Allow,
    /// They are not mounted.
    Block,
    /// They are mounted with these flags.
    Remount(Vec<String>),
}

impl Media {
    /// From a policy; `None` if no member of it is set. The set member matters, not its value.
    fn of(policy: &MediaPolicy) -> Option<Self> {
        match policy {
            MediaPolicy {
                remount: Some(remount),
                ..
            } => Some(Self::Remount(remount.flags.clone())),
            MediaPolicy { block: Some(_), .. } => Some(Self::Block),
            MediaPolicy { allow: Some(_), .. } => Some(Self::Allow),
            MediaPolicy { .. } => None,
        }
    }

    /// From the older pair of fields; flags alone have no effect.
    fn of_pair(block: Option<bool>, flags: &[String]) -> Option<Self> {
        match (block?, flags) {
            (false, _) => Some(Self::Allow),
            (true, []) => Some(Self::Block),
            (true, flags) => Some(Self::Remount(flags.to_vec())),
        }
    }
}

/// The settings from the server. For missing ones, the machine's own configuration applies.
///
/// ```
/// use selvedge_santa::Settings;
/// use selvedge_santa::wire::PreflightResponse;
///
/// let mut settings = Settings { allowed_path_regex: Some("^/opt/".into()), ..Settings::default() };
/// settings.take(&serde_json::from_str(r#"{"enable_bundles":true,"allowed_path_regex":""}"#)?);
/// assert_eq!((settings.enable_bundles, settings.allowed_path_regex), (Some(true), None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<ClientMode>,
    /// Whether bundles are hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_bundles: Option<bool>,
    /// Whether compiler rules create transitive rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_transitive_rules: Option<bool>,
    /// Whether every execution is uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_all_event_upload: Option<bool>,
    /// Whether executions with the decision `ALLOW_UNKNOWN` are not uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_unknown_event_upload: Option<bool>,
    /// Seconds between two syncs, at least 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_sync_interval: Option<u32>,
    /// Paths that may run: a pattern for the agent, not interpreted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_path_regex: Option<String>,
    /// Paths that may not run: a pattern for the agent, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_path_regex: Option<String>,
    /// How removable media are treated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removable_media: Option<Media>,
    /// How encrypted removable media are treated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_removable_media: Option<Media>,
    /// The action that overrides those of file access rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_file_access_action: Option<FileAccessAction>,
    /// The URL with more information about an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_detail_url: Option<String>,
    /// The label of the button that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_detail_text: Option<String>,
}

impl Settings {
    /// The effective settings: the server's, or for missing ones those of the machine's own configuration.
    #[must_use]
    pub fn over(&self, own: &Self) -> Self {
        macro_rules! over {
            ($($field:ident),*) => { Self { $($field: self.$field.clone().or_else(|| own.$field.clone())),* } };
        }
        over!(
            client_mode,
            enable_bundles,
            enable_transitive_rules,
            enable_all_event_upload,
            disable_unknown_event_upload,
            full_sync_interval,
            allowed_path_regex,
            blocked_path_regex,
            removable_media,
            encrypted_removable_media,
            override_file_access_action,
            event_detail_url,
            event_detail_text
        )
    }

    /// Applies the settings in a response.
    pub fn take(&mut self, response: &PreflightResponse) {
        set(&mut self.client_mode, response.client_mode);
        set(
            &mut self.enable_bundles,
            response.enable_bundles.or(response.bundles_enabled),
        );
        let transitive = response
            .enable_transitive_rules
            .or(response.enabled_transitive_whitelisting)
            .or(response.transitive_whitelisting_enabled);
        set(&mut self.enable_transitive_rules, transitive);
        set(
            &mut self.enable_all_event_upload,
            response.enable_all_event_upload,
        );
        set(
            &mut self.disable_unknown_event_upload,
            response.disable_unknown_event_upload,
        );
        let allowed = response.allowed_path_regex.as_ref();
        pattern(
            &mut self.allowed_path_regex,
            allowed.or(response.whitelist_regex.as_ref()),
        );
        let blocked = response.blocked_path_regex.as_ref();
        pattern(
            &mut self.blocked_path_regex,
            blocked.or(response.blacklist_regex.as_ref()),
        );
        set(&mut self.removable_media, removable(response));
        let encrypted = response.encrypted_removable_media_policy.as_ref();
        set(
            &mut self.encrypted_removable_media,
            encrypted.and_then(Media::of),
        );
        let action = response.override_file_access_action;
        set(
            &mut self.override_file_access_action,
            action.filter(|action| *action != FileAccessAction::Unspecified),
        );
        set(
            &mut self.event_detail_url,
            response.event_detail_url.clone(),
        );
        set(
            &mut self.event_detail_text,
            response.event_detail_text.clone(),
        );
    }
}

/// If the newer field is present, the older ones are ignored.
fn removable(response: &PreflightResponse) -> Option<Media> {
    match &response.removable_media_policy {
        Some(policy) => Media::of(policy),
        None => Media::of_pair(response.block_usb_mount, &response.remount_usb_mode),
    }
}

fn set<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

fn pattern(field: &mut Option<String>, value: Option<&String>) {
    if let Some(value) = value {
        *field = Some(value.clone()).filter(|pattern| !pattern.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn before() -> Settings {
        Settings {
            enable_bundles: Some(true),
            enable_transitive_rules: Some(true),
            allowed_path_regex: Some("a".into()),
            blocked_path_regex: Some("b".into()),
            removable_media: Some(Media::Block),
            ..Settings::default()
        }
    }

    fn after(text: &str) -> Settings {
        let mut settings = before();
        settings.take(&serde_json::from_str(text).unwrap());
        settings
    }

    #[test]
    fn settings_of_the_server_override_the_configuration() {
        let own = Settings {
            enable_bundles: Some(false),
            enable_all_event_upload: Some(true),
            allowed_path_regex: Some("own".into()),
            event_detail_url: Some("u".into()),
            ..Settings::default()
        };
        let expected = Settings {
            enable_all_event_upload: Some(true),
            event_detail_url: Some("u".into()),
            ..before()
        };
        assert_eq!(before().over(&own), expected);
        assert_eq!(Settings::default().over(&own), own);
        assert_eq!(own.over(&Settings::default()), own);
    }

    #[test]
    fn an_absent_field_keeps_the_previous_value() {
        assert_eq!(after("{}"), before());
    }

    #[test]
    fn older_names_are_used_only_if_the_newer_one_is_absent() {
        let rows = [
            (r#"{"bundles_enabled":false}"#, Some(false)),
            (
                r#"{"bundles_enabled":true,"enable_bundles":false}"#,
                Some(false),
            ),
            (
                r#"{"enable_bundles":false,"bundles_enabled":true}"#,
                Some(false),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(after(text).enable_bundles, expected, "{text}");
        }
        let rows = [
            (r#"{"enabled_transitive_whitelisting":false}"#, Some(false)),
            (r#"{"transitive_whitelisting_enabled":false}"#, Some(false)),
            (
                r#"{"transitive_whitelisting_enabled":false,"enabled_transitive_whitelisting":true}"#,
                Some(true),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(after(text).enable_transitive_rules, expected, "{text}");
        }
    }

    #[test]
    fn an_empty_pattern_removes_the_pattern() {
        let rows = [
            (r#"{"allowed_path_regex":""}"#, None, Some("b")),
            (r#"{"whitelist_regex":""}"#, None, Some("b")),
            (r#"{"blacklist_regex":"c"}"#, Some("a"), Some("c")),
            (
                r#"{"blocked_path_regex":"d","blacklist_regex":"c"}"#,
                Some("a"),
                Some("d"),
            ),
            (r#"{"allowed_path_regex":null}"#, Some("a"), Some("b")),
        ];
        for (text, allowed, blocked) in rows {
            let settings = after(text);
            let found = (
                settings.allowed_path_regex.as_deref(),
                settings.blocked_path_regex.as_deref(),
            );
            assert_eq!(found, (allowed, blocked), "{text}");
        }
    }

    #[test]
    fn only_a_known_file_access_action_replaces_the_previous_one() {
        let set = |text: &str| after(text).override_file_access_action;
        let rows = [
            (r#""AuditOnly""#, Some(FileAccessAction::AuditOnly)),
            (r#""auditonly""#, None),
            ("0", None),
            ("99", None),
            (r#""FILE_ACCESS_ACTION_UNSPECIFIED""#, None),
            ("3", Some(FileAccessAction::Disable)),
        ];
        for (value, expected) in rows {
            let text = alloc::format!(r#"{{"override_file_access_action":{value}}}"#);
            assert_eq!(set(&text), expected, "{value}");
        }
    }

    #[test]
    fn every_row_of_removable_media() {
        let remount = |flag: &str| Some(Media::Remount([flag.to_string()].into()));
        let rows = [
            (r#"{"remount_usb_mode":["ro"]}"#, Some(Media::Block)),
            (
                r#"{"block_usb_mount":false,"remount_usb_mode":["ro"]}"#,
                Some(Media::Allow),
            ),
            (r#"{"block_usb_mount":true}"#, Some(Media::Block)),
            (
                r#"{"block_usb_mount":true,"remount_usb_mode":["ro"]}"#,
                remount("ro"),
            ),
            (
                r#"{"removable_media_policy":{"allow":true},"block_usb_mount":true}"#,
                Some(Media::Allow),
            ),
            (
                r#"{"removable_media_policy":{"block":true}}"#,
                Some(Media::Block),
            ),
            (
                r#"{"removable_media_policy":{"remount":{"flags":["x"]}}}"#,
                remount("x"),
            ),
            (r#"{"removable_media_policy":{}}"#, Some(Media::Block)),
            (
                r#"{"removable_media_policy":{},"block_usb_mount":false}"#,
                Some(Media::Block),
            ),
            (
                r#"{"removable_media_policy":{"allow":false}}"#,
                Some(Media::Allow),
            ),
            (
                r#"{"removable_media_policy":{"allow":null,"block":false}}"#,
                Some(Media::Block),
            ),
            (
                r#"{"removable_media_policy":{"remount":{}}}"#,
                Some(Media::Remount([].into())),
            ),
            (
                r#"{"removable_media_policy":{"remount":null,"allow":true}}"#,
                Some(Media::Allow),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(after(text).removable_media, expected, "{text}");
        }
    }
}
