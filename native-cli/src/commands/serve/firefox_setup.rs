//! `selvedge serve firefox-setup`: what to set in a Firefox so that it uses this server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use zeroize::Zeroizing;

use super::default_data;
use selvedge_server::{ServeError, invite, tokenserver_url};

/// The preference that names the token server.
const PREFERENCE: &str = "identity.sync.tokenserver.uri";

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  selvedge serve firefox-setup https://sync.example.org\n  selvedge serve firefox-setup https://sync.example.org --invite --data ~/selvedge-server\n\nSet the preference before signing in, or sign out and in again: Firefox keeps records on the server that it used first."
)]
pub(super) struct FirefoxSetupArgs {
    /// The URL that Firefox connects to: the server's --public-url, or the address it listens on.
    #[arg(value_name = "URL")]
    server: String,
    /// Also create an invitation for one new account, as a part of the URL.
    #[arg(long)]
    invite: bool,
    /// The server's data directory for --invite; the server may be running.
    #[arg(long, value_name = "DIR", requires = "invite")]
    data: Option<PathBuf>,
    /// Hours until the invitation expires.
    #[arg(long, value_name = "HOURS", default_value_t = 168, requires = "invite", value_parser = clap::value_parser!(u32).range(1..))]
    expires: u32,
}

/// The setup of a Firefox.
#[derive(Serialize)]
pub(super) struct FirefoxSetup {
    /// The name of the preference.
    preference: &'static str,
    /// Its value, which contains the invitation if there is one.
    value: Zeroizing<String>,
    /// The line of `user.js`.
    user_js: Zeroizing<String>,
    /// `defaults/pref/autoconfig.js` in Firefox's directory.
    autoconfig_js: &'static str,
    /// `mozilla.cfg` in Firefox's directory.
    mozilla_cfg: Zeroizing<String>,
}

const AUTOCONFIG_JS: &str = "// The first line is a comment.\npref(\"general.config.filename\", \"mozilla.cfg\");\npref(\"general.config.obscure_value\", 0);\n";

impl FirefoxSetup {
    fn of(value: Zeroizing<String>) -> Self {
        // A URL has no characters that JSON and JavaScript write differently.
        let quoted = Zeroizing::new(serde_json::Value::from(value.as_str()).to_string());
        Self {
            preference: PREFERENCE,
            user_js: Zeroizing::new(format!("user_pref(\"{PREFERENCE}\", {});\n", *quoted)),
            autoconfig_js: AUTOCONFIG_JS,
            mozilla_cfg: Zeroizing::new(format!(
                "// The first line is a comment.\nlockPref(\"{PREFERENCE}\", {});\n",
                *quoted
            )),
            value,
        }
    }
}

impl fmt::Display for FirefoxSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = (self.preference, self.value.as_str());
        writeln!(f, "In about:config, set {name} to\n  {value}\n")?;
        writeln!(
            f,
            "Or add this to user.js in the profile's directory (about:profiles shows it):\n{}",
            self.user_js.as_str()
        )?;
        writeln!(
            f,
            "Or, for all users of a machine, write defaults/pref/autoconfig.js in Firefox's directory:\n{}",
            self.autoconfig_js
        )?;
        write!(
            f,
            "and mozilla.cfg in Firefox's directory:\n{}",
            self.mozilla_cfg.as_str().trim_end()
        )
    }
}

/// Where people register, and what to set in a Firefox that signs in to this server's accounts server.
pub(super) fn sign_in(url: &str) -> String {
    let plain = match url.starts_with("http://") {
        true => ", and identity.fxaccounts.allowHttp to true",
        false => "",
    };
    format!(
        "people register at {url}/, which offers a user.js for Firefox: it sets identity.fxaccounts.autoconfig.uri to {url}{plain}"
    )
}

pub(super) async fn firefox_setup(args: FirefoxSetupArgs) -> Result<FirefoxSetup, ServeError> {
    let invitation = if args.invite {
        let lifetime = Duration::from_secs(u64::from(args.expires) * 3600);
        let data = args.data.unwrap_or_else(default_data);
        // A wrong URL must not cost an invitation.
        tokenserver_url(&args.server, None)?;
        Some(invite(data, lifetime).await?)
    } else {
        None
    };
    let invitation = invitation.as_ref().map(|text| text.as_str());
    Ok(FirefoxSetup::of(tokenserver_url(&args.server, invitation)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_needs_the_second_preference() {
        assert!(!sign_in("https://sync.example.org").contains("allowHttp"));
        assert!(sign_in("http://127.0.0.1:8090").contains("allowHttp to true"));
    }

    #[test]
    fn the_setup_has_the_preference_in_each_form() {
        let value = tokenserver_url("https://sync.example.org/", Some("abc")).unwrap();
        assert_eq!(
            value.as_str(),
            "https://sync.example.org/invitation/abc/1.0/sync/1.5"
        );
        let setup = FirefoxSetup::of(value);
        let line = "(\"identity.sync.tokenserver.uri\", \"https://sync.example.org/invitation/abc/1.0/sync/1.5\");\n";
        assert_eq!(setup.user_js.as_str(), format!("user_pref{line}"));
        assert!(setup.mozilla_cfg.ends_with(&format!("lockPref{line}")));
        assert!(setup.to_string().contains("about:config"));
        for url in ["sync.example.org", "https://sync.example.org?x=\"", ""] {
            assert!(tokenserver_url(url, None).is_err(), "{url}");
        }
    }
}
