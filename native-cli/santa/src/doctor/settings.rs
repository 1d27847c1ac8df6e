//! Finds settings in a response of preflight that Santa or this machine ignores or changes (spec §2.1).

use selvedge_santa::Settings;
use selvedge_santa::wire::{ClientMode, PreflightResponse};

use super::finding::{Level, Messages};
use crate::icu_pattern;

/// Minimum interval between syncs, in seconds.
const MIN_INTERVAL: u32 = 60;

/// Minimum deadline of rule downloads after a push message to all machines, in seconds.
const MIN_DEADLINE: u32 = 600;

/// Mount flags of macOS for removable media.
const MOUNT_FLAGS: [&str; 8] = [
    "rdonly", "noexec", "nosuid", "nobrowse", "noowners", "nodev", "async", "-j",
];

/// Checks the patterns of this machine's configuration.
pub(super) fn own_patterns(own: &Settings) -> Messages {
    let patterns = [
        ("AllowedPathRegex", own.allowed_path_regex.as_deref()),
        ("BlockedPathRegex", own.blocked_path_regex.as_deref()),
    ];
    patterns
        .into_iter()
        .filter_map(|(name, pattern)| bad_pattern(name, pattern?))
        .collect()
}

fn bad_pattern(name: &str, pattern: &str) -> Option<(Level, String)> {
    let error = icu_pattern::check(pattern).err()?;
    Some((
        Level::Fault,
        format!("{name} is not a valid pattern ({error}): Santa ignores it on every machine"),
    ))
}

/// Checks the settings of a server.
pub(super) fn check(response: &PreflightResponse, allows_standalone: bool) -> Messages {
    let mut messages = Messages::new();
    let patterns = [
        ("allowed_path_regex", &response.allowed_path_regex),
        ("blocked_path_regex", &response.blocked_path_regex),
        ("whitelist_regex", &response.whitelist_regex),
        ("blacklist_regex", &response.blacklist_regex),
    ];
    for (name, pattern) in patterns {
        // An empty pattern removes the server's pattern.
        let pattern = pattern.as_deref().filter(|pattern| !pattern.is_empty());
        messages.extend(pattern.and_then(|pattern| bad_pattern(name, pattern)));
    }
    let mut warn = |text: String| messages.push((Level::Warning, text));
    if response.client_mode == Some(ClientMode::Standalone) && !allows_standalone {
        warn("client_mode is STANDALONE, and this machine uses LOCKDOWN instead: set selvedge.allow_standalone = true if its agent supports STANDALONE".into());
    }
    let intervals = [
        (
            "full_sync_interval",
            response.full_sync_interval_seconds,
            MIN_INTERVAL,
        ),
        (
            "push_notification_full_sync_interval",
            response.push_notification_full_sync_interval_seconds,
            MIN_INTERVAL,
        ),
        (
            "push_notification_global_rule_sync_deadline",
            response.push_notification_global_rule_sync_deadline_seconds,
            MIN_DEADLINE,
        ),
    ];
    for (name, seconds, minimum) in intervals {
        if let Some(seconds) = seconds.filter(|seconds| (1..minimum).contains(seconds)) {
            warn(format!(
                "{name} is {seconds} seconds: clients use the minimum of {minimum}"
            ));
        }
    }
    let remount = &response.remount_usb_mode;
    if !remount.is_empty() && response.block_usb_mount.is_none() {
        warn("remount_usb_mode has no effect without block_usb_mount, which is absent".into());
    }
    let policies = [
        ("removable_media_policy", &response.removable_media_policy),
        (
            "encrypted_removable_media_policy",
            &response.encrypted_removable_media_policy,
        ),
    ];
    let mut flags: Vec<&String> = remount.iter().collect();
    for (name, policy) in policies {
        let Some(policy) = policy else { continue };
        if policy.allow.is_none() && policy.block.is_none() && policy.remount.is_none() {
            warn(format!(
                "{name} has neither allow nor block nor remount: it has no effect"
            ));
        }
        flags.extend(policy.remount.iter().flat_map(|remount| &remount.flags));
    }
    if let Some(flag) = flags
        .into_iter()
        .find(|flag| !MOUNT_FLAGS.contains(&flag.as_str()))
    {
        warn(format!(
            "the flag {flag:?} for removable media is unknown, and macOS ignores it; use one of {}",
            MOUNT_FLAGS.join(", ")
        ));
    }
    if let Some(url) = response.event_detail_url.as_deref()
        && !matches!(url, "" | "null")
        && !url.contains(':')
    {
        warn(format!(
            "event_detail_url is {url:?}, which is not a URL: machines show no button for it"
        ));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_of_settings_is_found() {
        let rows = [
            ("{}", None),
            (
                r#"{"allowed_path_regex":"","blocked_path_regex":"(?!)"}"#,
                None,
            ),
            (
                r#"{"client_mode":"LOCKDOWN","full_sync_interval":60,"event_detail_url":"https://a/%file_sha%"}"#,
                None,
            ),
            (
                r#"{"allowed_path_regex":"[unclosed"}"#,
                Some((
                    Level::Fault,
                    "allowed_path_regex is not a valid pattern (character 1: the [ is not closed)",
                )),
            ),
            (
                r#"{"blocked_path_regex":"(?P<x>"}"#,
                Some((Level::Fault, "blocked_path_regex is not a valid pattern")),
            ),
            (
                r#"{"whitelist_regex":"*"}"#,
                Some((Level::Fault, "whitelist_regex is not a valid pattern")),
            ),
            (
                r#"{"client_mode":"STANDALONE"}"#,
                Some((
                    Level::Warning,
                    "client_mode is STANDALONE, and this machine uses LOCKDOWN",
                )),
            ),
            (
                r#"{"full_sync_interval":30}"#,
                Some((
                    Level::Warning,
                    "full_sync_interval is 30 seconds: clients use the minimum of 60",
                )),
            ),
            (
                r#"{"push_notification_global_rule_sync_deadline":30}"#,
                Some((Level::Warning, "clients use the minimum of 600")),
            ),
            (
                r#"{"remount_usb_mode":["rdonly"]}"#,
                Some((Level::Warning, "no effect without block_usb_mount")),
            ),
            (
                r#"{"block_usb_mount":true,"remount_usb_mode":["rdonly"]}"#,
                None,
            ),
            (
                r#"{"block_usb_mount":true,"remount_usb_mode":["readonly"]}"#,
                Some((Level::Warning, "the flag \"readonly\"")),
            ),
            (
                r#"{"removable_media_policy":{}}"#,
                Some((Level::Warning, "removable_media_policy has neither")),
            ),
            (
                r#"{"event_detail_url":"detail"}"#,
                Some((Level::Warning, "event_detail_url is \"detail\"")),
            ),
        ];
        for (text, expected) in rows {
            let response = serde_json::from_str(text).unwrap();
            let messages = check(&response, false);
            match (messages.as_slice(), expected) {
                ([], None) => {}
                ([(level, found)], Some((expected, words))) => {
                    assert!(
                        *level == expected && found.contains(words),
                        "{text}: {found}"
                    );
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        let standalone = serde_json::from_str(r#"{"client_mode":"STANDALONE"}"#).unwrap();
        assert_eq!(check(&standalone, true), []);
    }

    #[test]
    fn patterns_of_the_configuration_are_checked_too() {
        let own = Settings {
            allowed_path_regex: Some("^/opt/".into()),
            blocked_path_regex: Some("a{".into()),
            ..Settings::default()
        };
        let messages = own_patterns(&own);
        assert_eq!(messages.len(), 1);
        assert!(
            messages[0]
                .1
                .starts_with("BlockedPathRegex is not a valid pattern"),
            "{messages:?}"
        );
    }
}
