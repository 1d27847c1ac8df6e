//! Settings in an answer to preflight that Santa, or this machine, does not use as they are (spec §2.1).

use selvedge_santa::Settings;
use selvedge_santa::wire::{ClientMode, PreflightResponse};

use super::{Level, Said};
use crate::icu_pattern;

/// Clients do not sync more often, in seconds.
const MIN_INTERVAL: u32 = 60;

/// Rules that are meant for all machines are fetched within no less, in seconds.
const MIN_DEADLINE: u32 = 600;

/// Flags with which macOS can mount removable media.
const MOUNT_FLAGS: [&str; 8] = [
    "rdonly", "noexec", "nosuid", "nobrowse", "noowners", "nodev", "async", "-j",
];

/// What is to be said of the patterns in this machine's own configuration.
pub(super) fn own_patterns(own: &Settings) -> Said {
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
        format!(
            "{name} is no pattern that Santa can use ({error}): it is as if none were set, on every machine"
        ),
    ))
}

/// What is to be said of the settings that a server sets.
pub(super) fn judge(response: &PreflightResponse, allows_standalone: bool) -> Said {
    let mut said = Said::new();
    let patterns = [
        ("allowed_path_regex", &response.allowed_path_regex),
        ("blocked_path_regex", &response.blocked_path_regex),
        ("whitelist_regex", &response.whitelist_regex),
        ("blacklist_regex", &response.blacklist_regex),
    ];
    for (name, pattern) in patterns {
        // An empty one takes the server's pattern away.
        let pattern = pattern.as_deref().filter(|pattern| !pattern.is_empty());
        said.extend(pattern.and_then(|pattern| bad_pattern(name, pattern)));
    }
    let mut warn = |text: String| said.push((Level::Warning, text));
    if response.client_mode == Some(ClientMode::Standalone) && !allows_standalone {
        warn("client_mode is STANDALONE, and this machine goes into LOCKDOWN instead: set selvedge.allow_standalone = true if its agent knows STANDALONE".into());
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
    for (name, seconds, least) in intervals {
        if let Some(seconds) = seconds.filter(|seconds| (1..least).contains(seconds)) {
            warn(format!(
                "{name} is {seconds} seconds: clients take it as {least}"
            ));
        }
    }
    let remount = &response.remount_usb_mode;
    if !remount.is_empty() && response.block_usb_mount.is_none() {
        warn("remount_usb_mode is read together with block_usb_mount alone, which is absent: it does nothing".into());
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
                "{name} holds neither allow nor block nor remount: it changes nothing"
            ));
        }
        flags.extend(policy.remount.iter().flat_map(|remount| &remount.flags));
    }
    if let Some(flag) = flags
        .into_iter()
        .find(|flag| !MOUNT_FLAGS.contains(&flag.as_str()))
    {
        warn(format!(
            "the flag {flag:?} for removable media is unknown to macOS, which ignores it; known are {}",
            MOUNT_FLAGS.join(", ")
        ));
    }
    if let Some(url) = response.event_detail_url.as_deref()
        && !matches!(url, "" | "null")
        && !url.contains(':')
    {
        warn(format!(
            "event_detail_url is {url:?}, which is no URL: machines show no button for it"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
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
                    "allowed_path_regex is no pattern that Santa can use (character 1: the [ is not closed)",
                )),
            ),
            (
                r#"{"blocked_path_regex":"(?P<x>"}"#,
                Some((Level::Fault, "blocked_path_regex is no pattern")),
            ),
            (
                r#"{"whitelist_regex":"*"}"#,
                Some((Level::Fault, "whitelist_regex is no pattern")),
            ),
            (
                r#"{"client_mode":"STANDALONE"}"#,
                Some((
                    Level::Warning,
                    "client_mode is STANDALONE, and this machine goes into LOCKDOWN",
                )),
            ),
            (
                r#"{"full_sync_interval":30}"#,
                Some((
                    Level::Warning,
                    "full_sync_interval is 30 seconds: clients take it as 60",
                )),
            ),
            (
                r#"{"push_notification_global_rule_sync_deadline":30}"#,
                Some((Level::Warning, "clients take it as 600")),
            ),
            (
                r#"{"remount_usb_mode":["rdonly"]}"#,
                Some((Level::Warning, "together with block_usb_mount alone")),
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
                Some((Level::Warning, "removable_media_policy holds neither")),
            ),
            (
                r#"{"event_detail_url":"detail"}"#,
                Some((Level::Warning, "event_detail_url is \"detail\"")),
            ),
        ];
        for (text, expected) in rows {
            let response = serde_json::from_str(text).unwrap();
            let said = judge(&response, false);
            match (said.as_slice(), expected) {
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
        assert_eq!(judge(&standalone, true), []);
    }

    #[test]
    fn patterns_of_the_configuration_are_judged_too() {
        let own = Settings {
            allowed_path_regex: Some("^/opt/".into()),
            blocked_path_regex: Some("a{".into()),
            ..Settings::default()
        };
        let said = own_patterns(&own);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].1.starts_with("BlockedPathRegex is no pattern"),
            "{said:?}"
        );
    }
}
