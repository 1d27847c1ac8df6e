//! The proxy for requests to the server. It comes only from the configuration (spec §1.8).

use std::fmt;

use toml::Table;
use zeroize::Zeroizing;

use super::keys::{Keys, Problem};

/// A proxy, and the hosts that are contacted without it. The URL may contain a password, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxySettings {
    url: Zeroizing<String>,
    exceptions: Vec<String>,
    has_password: bool,
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("exceptions", &self.exceptions)
            .finish_non_exhaustive()
    }
}

impl ProxySettings {
    /// The proxy's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Hosts that are contacted without the proxy.
    #[must_use]
    pub fn exceptions(&self) -> &[String] {
        &self.exceptions
    }

    /// Whether the URL contains a user name or a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.has_password
    }
}

/// Parses `SyncProxyConfiguration`, which has the keys of macOS. Only the https proxy is used, because http is allowed
/// only for this machine.
pub(super) fn read(
    table: &Table,
    warnings: &mut Vec<String>,
) -> Result<Option<ProxySettings>, Problem> {
    let mut keys = Keys::new(table, "SyncProxyConfiguration.");
    let host = keys.text("HTTPSProxy")?.map(Zeroizing::new);
    let port = keys.number("HTTPSPort", u16::MAX.into())?;
    let is_on = flag(&mut keys, "HTTPSEnable")?.unwrap_or(true);
    let exceptions = keys.texts("ExceptionsList")?.unwrap_or_default();
    for unused in ["HTTPProxy", "HTTPPort", "HTTPEnable"] {
        keys.value(unused);
    }
    warnings.extend(keys.unknown());
    let Some(host) = host.filter(|_| is_on) else {
        return Ok(None);
    };
    let url = if host.contains("://") {
        host
    } else {
        Zeroizing::new(format!("http://{}", host.as_str()))
    };
    let bad = || {
        "SyncProxyConfiguration.HTTPSProxy must be a host name, or an http or https URL".to_owned()
    };
    let mut parsed = reqwest::Url::parse(&url).map_err(|_| bad())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(bad());
    }
    if let Some(port) = port.and_then(|port| u16::try_from(port).ok()) {
        parsed.set_port(Some(port)).map_err(|()| bad())?;
    }
    Ok(Some(ProxySettings {
        has_password: !parsed.username().is_empty() || parsed.password().is_some(),
        url: Zeroizing::new(parsed.to_string()),
        exceptions,
    }))
}

/// A boolean, or a number as on macOS.
fn flag(keys: &mut Keys<'_>, key: &'static str) -> Result<Option<bool>, Problem> {
    match keys.value(key) {
        Some(toml::Value::Integer(number)) => Ok(Some(*number != 0)),
        _ => keys.boolean(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Option<String>, Problem> {
        let table = text.parse().unwrap();
        let proxy = read(&table, &mut Vec::new())?;
        Ok(proxy.map(|proxy| proxy.url().to_owned()))
    }

    #[test]
    fn the_url_of_the_proxy_for_each_form_of_settings() {
        let bad = Err(
            "SyncProxyConfiguration.HTTPSProxy must be a host name, or an http or https URL".into(),
        );
        let rows = [
            ("", Ok(None)),
            ("HTTPProxy = 'p'\nHTTPPort = 1", Ok(None)),
            ("HTTPSProxy = 'p'", Ok(Some("http://p/".to_owned()))),
            (
                "HTTPSProxy = 'p'\nHTTPSPort = 3128\nHTTPSEnable = 1",
                Ok(Some("http://p:3128/".into())),
            ),
            ("HTTPSProxy = 'p'\nHTTPSEnable = 0", Ok(None)),
            ("HTTPSProxy = 'p'\nHTTPSEnable = false", Ok(None)),
            (
                "HTTPSProxy = 'https://u:s@p:1'",
                Ok(Some("https://u:s@p:1/".into())),
            ),
            ("HTTPSProxy = 'socks5://p'", bad.clone()),
            ("HTTPSProxy = 'a b'", bad),
            (
                "HTTPSEnable = 'yes'",
                Err("SyncProxyConfiguration.HTTPSEnable must be true or false".into()),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(url(text), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_detected_and_not_shown() {
        let table = "HTTPSProxy = 'http://user:hunter2@p'".parse().unwrap();
        let proxy = read(&table, &mut Vec::new()).unwrap().unwrap();
        assert!(proxy.has_password());
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
