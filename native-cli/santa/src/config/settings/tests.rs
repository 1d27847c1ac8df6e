use std::collections::HashSet;
use std::path::Path;

use super::*;
use crate::Config;

fn default_of(name: &str) -> &'static str {
    let found = all().find(|setting| setting.name() == name);
    found
        .unwrap_or_else(|| panic!("{name} is not listed"))
        .default
}

#[test]
fn each_setting_is_listed_once_with_type_and_meaning() {
    let mut names = HashSet::new();
    for setting in all() {
        assert!(names.insert(setting.name()), "{}", setting.name());
        assert!(
            !setting.kind.is_empty() && setting.meaning.ends_with('.'),
            "{setting:?}"
        );
    }
    let text = listing();
    for name in names {
        assert!(text.contains(&format!("{name} (")), "{name}");
    }
}

#[test]
fn listed_defaults_are_those_of_the_reader() {
    let config = Config::parse(Path::new("santa.toml"), "", false).unwrap();
    for (name, value) in [
        ("selvedge.santa_version", config.santa_version.clone()),
        ("selvedge.spread_percent", config.spread_percent.to_string()),
        ("selvedge.most_rules", config.max_rules.to_string()),
        ("selvedge.log_bytes", config.max_log_bytes.to_string()),
        (
            "selvedge.allow_standalone",
            config.allows_standalone.to_string(),
        ),
        (
            "selvedge.logs_to_any_host",
            config.logs_to_any_host.to_string(),
        ),
        (
            "SyncEnableCleanSyncEventUpload",
            config.uploads_on_clean.to_string(),
        ),
        ("EnablePushNotifications", config.push_enabled.to_string()),
    ] {
        assert_eq!(default_of(name), value, "{name}");
    }
}
