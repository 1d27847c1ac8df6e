//! The settings in force, a line each, and who set them.

use selvedge_santa::wire::{ClientMode, FileAccessAction};
use selvedge_santa::{FULL_INTERVAL, Media, Settings};

use selvedge_santa_host::{Snapshot, icu_pattern};

/// The name and the value of each setting.
pub(super) fn lines(known: &Snapshot) -> Vec<(&'static str, String)> {
    let (set, now) = (&known.settings, &known.in_force);
    let pattern = |of: fn(&Settings) -> &Option<String>| match of(now) {
        None => "none".to_owned(),
        Some(pattern) => {
            let shown = by(pattern.clone(), of(set).is_some(), true);
            match icu_pattern::check(pattern) {
                Ok(()) => shown,
                Err(error) => {
                    format!("{shown}; Santa cannot use it ({error}), as if none were set")
                }
            }
        }
    };
    let switch = |of: fn(&Settings) -> Option<bool>, default: &str| match of(now) {
        None => by(default.to_owned(), false, false),
        Some(is_on) => {
            let value = if is_on { "on" } else { "off" };
            by(value.to_owned(), of(set).is_some(), true)
        }
    };
    let text = |of: fn(&Settings) -> &Option<String>| match of(now) {
        None => "not set".to_owned(),
        Some(text) => by(text.clone(), of(set).is_some(), true),
    };
    let medium = |media: &Option<Media>| match media {
        None => "not set".to_owned(),
        Some(media) => by(media_words(media), true, true),
    };
    vec![
        ("Mode", mode(known)),
        (
            "Allowed paths",
            pattern(|settings| &settings.allowed_path_regex),
        ),
        (
            "Blocked paths",
            pattern(|settings| &settings.blocked_path_regex),
        ),
        (
            "Transitive rules",
            switch(|settings| settings.enable_transitive_rules, "off"),
        ),
        ("Removable media", medium(&set.removable_media)),
        ("Event upload", event_upload(set, now)),
        ("Bundles", switch(|settings| settings.enable_bundles, "off")),
        (
            "Sync interval",
            match set.full_sync_interval {
                Some(seconds) => by(format!("{seconds} s"), true, true),
                None => by(format!("{FULL_INTERVAL} s"), false, false),
            },
        ),
        ("Encrypted media", medium(&set.encrypted_removable_media)),
        (
            "File access",
            match set.override_file_access_action {
                None => "the rules' own actions".to_owned(),
                Some(action) => by(access_words(action).into(), true, true),
            },
        ),
        (
            "Event detail URL",
            text(|settings| &settings.event_detail_url),
        ),
        ("Event button", text(|settings| &settings.event_detail_text)),
    ]
}

/// A value and who set it.
fn by(value: String, is_servers: bool, is_set: bool) -> String {
    let who = match (is_servers, is_set) {
        (true, _) => "server",
        (false, true) => "configuration",
        (false, false) => "default",
    };
    format!("{value} ({who})")
}

fn mode(known: &Snapshot) -> String {
    let Some(mode) = known.in_force.client_mode else {
        return by(ClientMode::Monitor.as_str().into(), false, false);
    };
    let is_servers = known.settings.client_mode.is_some();
    let shown = by(mode.as_str().into(), is_servers, true);
    match known.replaced_mode {
        Some(replaced) => format!(
            "{shown}, in place of {replaced}, which the server sets: see selvedge.allow_standalone"
        ),
        None => shown,
    }
}

/// Which decisions are uploaded.
fn event_upload(set: &Settings, now: &Settings) -> String {
    let (value, is_servers, is_set) = match (
        now.enable_all_event_upload,
        now.disable_unknown_event_upload,
    ) {
        (Some(true), _) => ("all decisions", set.enable_all_event_upload.is_some(), true),
        (_, Some(true)) => (
            "blocks, without unknown programs",
            set.disable_unknown_event_upload.is_some(),
            true,
        ),
        (all, unknown) => (
            "blocks and unknown programs",
            set.enable_all_event_upload.is_some() || set.disable_unknown_event_upload.is_some(),
            all.is_some() || unknown.is_some(),
        ),
    };
    by(value.into(), is_servers, is_set)
}

fn media_words(media: &Media) -> String {
    match media {
        Media::Allow => "allowed".into(),
        Media::Block => "blocked".into(),
        Media::Remount(flags) => format!("remounted with {}", flags.join(", ")),
    }
}

fn access_words(action: FileAccessAction) -> &'static str {
    match action {
        FileAccessAction::AuditOnly => "audited only",
        FileAccessAction::Disable => "off",
        _ => "the rules' own actions",
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::{Kind, RuleCounts};

    use super::*;

    fn shown(set: Settings, own: &Settings, replaced_mode: Option<ClientMode>) -> Vec<String> {
        let known = Snapshot {
            requested: Kind::Normal,
            last_full_sync: None,
            last_rule_sync: None,
            in_force: set.over(own),
            settings: set,
            replaced_mode,
            rules: RuleCounts::default(),
            pending_events: 0,
            last_sync: None,
        };
        let lines = lines(&known);
        lines
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    }

    #[test]
    fn what_nobody_sets_has_its_default() {
        let lines = shown(Settings::default(), &Settings::default(), None);
        let expected = [
            "Mode: MONITOR (default)",
            "Allowed paths: none",
            "Blocked paths: none",
            "Transitive rules: off (default)",
            "Removable media: not set",
            "Event upload: blocks and unknown programs (default)",
            "Bundles: off (default)",
            "Sync interval: 600 s (default)",
            "Encrypted media: not set",
            "File access: the rules' own actions",
            "Event detail URL: not set",
            "Event button: not set",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_the_server_or_the_configuration_sets_is_told_apart() {
        let set = Settings {
            client_mode: Some(ClientMode::Lockdown),
            allowed_path_regex: Some("[unclosed".into()),
            enable_transitive_rules: Some(true),
            removable_media: Some(Media::Remount(vec!["rdonly".into(), "noexec".into()])),
            encrypted_removable_media: Some(Media::Block),
            disable_unknown_event_upload: Some(true),
            full_sync_interval: Some(900),
            override_file_access_action: Some(FileAccessAction::Disable),
            event_detail_url: Some("https://a/".into()),
            ..Settings::default()
        };
        let own = Settings {
            blocked_path_regex: Some("^/tmp/".into()),
            enable_bundles: Some(false),
            event_detail_text: Some("More".into()),
            ..Settings::default()
        };
        let lines = shown(set.clone(), &own, Some(ClientMode::Standalone));
        let expected = [
            "Mode: LOCKDOWN (server), in place of STANDALONE, which the server sets: see selvedge.allow_standalone",
            "Allowed paths: [unclosed (server); Santa cannot use it (character 1: the [ is not closed), as if none were set",
            "Blocked paths: ^/tmp/ (configuration)",
            "Transitive rules: on (server)",
            "Removable media: remounted with rdonly, noexec (server)",
            "Event upload: blocks, without unknown programs (server)",
            "Bundles: off (configuration)",
            "Sync interval: 900 s (server)",
            "Encrypted media: blocked (server)",
            "File access: off (server)",
            "Event detail URL: https://a/ (server)",
            "Event button: More (configuration)",
        ];
        assert_eq!(lines, expected);
        let all = Settings {
            enable_all_event_upload: Some(true),
            ..Settings::default()
        };
        let lines = shown(set, &all, None);
        assert_eq!(lines[5], "Event upload: all decisions (configuration)");
    }
}
