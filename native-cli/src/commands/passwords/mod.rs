//! `selvedge passwords`: logins, whose passwords are only shown on request.

mod csv;
mod generate;
mod grammar;
mod import;
mod report;

pub use self::grammar::PasswordsCommand;
use self::grammar::{CsvFormat, Wanted};

use selvedge_core::firefox::passwords::is_duplicate;
use selvedge_core::ids::RecordId;
use selvedge_host::exit::{HostError, Result};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::records::{self, Loaded};
use super::secret;
use super::typed::{Change, collection, contains, id_of, load_or_empty, now, print, random, text};
use crate::device::Device;

const COLUMNS: &[&str] = &["hostname", "username", "password", "target"];

/// Runs it.
///
/// # Errors
/// When a login does not exist, the input is invalid, or the store or the server fails.
pub async fn run(device: &Device, command: PasswordsCommand) -> Result<()> {
    let passwords = collection("passwords");
    match command {
        PasswordsCommand::List { show_secrets, view } => {
            let row = |id: &str, record: &Value| login_row(id, record, "");
            view.list(device, passwords, show_secrets, COLUMNS, row)
                .await
        }
        PasswordsCommand::Search {
            text,
            show_secrets,
            view,
        } => {
            let row = move |id: &str, record: &Value| login_row(id, record, &text);
            view.list(device, passwords, show_secrets, COLUMNS, row)
                .await
        }
        PasswordsCommand::Show {
            login,
            field,
            show_secrets,
            remote,
        } => {
            let known = records::load(device, &passwords, remote).await?;
            show(
                device,
                find(&known, &login)?,
                field.as_deref(),
                show_secrets,
            )
        }
        PasswordsCommand::Add {
            site,
            username,
            action,
            realm,
            generate,
            change,
        } => {
            let target = match realm {
                Some(realm) => json!({"formSubmitURL": null, "httpRealm": realm}),
                None => {
                    json!({"formSubmitURL": action.unwrap_or_else(|| site.clone()), "httpRealm": null})
                }
            };
            add(device, &site, &username, target, generate, change).await
        }
        PasswordsCommand::Edit {
            login,
            new_username,
            new_password,
            generate,
            change,
        } => {
            let known = records::load(device, &passwords, change.remote).await?;
            let found = find(&known, &login)?;
            let mut patch = json!({});
            if let Some(username) = new_username {
                patch["username"] = username.into();
            }
            if new_password || generate {
                patch["password"] = new_secret(device, generate)?.as_str().into();
                let last = found.json()["timePasswordChanged"]
                    .as_u64()
                    .unwrap_or_default();
                patch["timePasswordChanged"] = now().max(last + 1).into();
            }
            if patch == json!({}) {
                return Err(HostError::Usage(
                    "say what to change: --new-username, --new-password or --generate".into(),
                ));
            }
            records::edit(
                device,
                passwords,
                id_of(found)?,
                patch.to_string(),
                change.parts(),
            )
            .await
        }
        PasswordsCommand::Delete { login, change } => {
            let known = records::load(device, &passwords, change.remote).await?;
            let id = id_of(find(&known, &login)?)?;
            records::delete(device, passwords, vec![id], change.parts()).await
        }
        PasswordsCommand::Import {
            file,
            replace,
            dry_run,
        } => import::run(device, &file, replace, dry_run).await,
        PasswordsCommand::Export {
            to,
            show_secrets,
            remote,
        } => export(device, to, show_secrets, remote).await,
        PasswordsCommand::Generate { length, no_symbols } => {
            let password = generate::password(length, !no_symbols)?;
            print(&Zeroizing::new(format!("{}\n", *password)))
        }
        PasswordsCommand::Report { remote } => {
            let known = records::load(device, &passwords, remote).await?;
            report::run(device, &known)
        }
    }
}

/// The site or realm that a login is for.
fn login_row(id: &str, record: &Value, wanted: &str) -> Vec<Value> {
    let member = |name| text(record, name);
    if !contains(member("hostname"), wanted) && !contains(member("username"), wanted) {
        return Vec::new();
    }
    let target = match (member("formSubmitURL"), member("httpRealm")) {
        ("", realm) => realm,
        (action, _) => action,
    };
    vec![json!({
        "id": id, "hostname": member("hostname"), "username": member("username"),
        "password": member("password"), "target": target,
    })]
}

/// Whether a login is for a site: `shop.example`, or `https://shop.example`.
fn is_for(login: &Value, site: &str) -> bool {
    let origin = text(login, "hostname");
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let site = site.trim_end_matches('/');
    origin.eq_ignore_ascii_case(site) || host.eq_ignore_ascii_case(site)
}

/// The one login that is meant.
fn find<'a>(known: &'a [Loaded], wanted: &Wanted) -> Result<&'a Loaded> {
    let matches = |record: &&Loaded| {
        let login = record.json();
        let is_user = wanted
            .username
            .as_deref()
            .is_none_or(|user| text(&login, "username") == user);
        record.id == wanted.site || (is_user && is_for(&login, &wanted.site))
    };
    let found: Vec<&Loaded> = known.iter().filter(matches).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(HostError::NotFound(format!(
            "there is no login for {}: `selvedge passwords list` lists all",
            wanted.site
        ))),
        several => {
            let users: Vec<String> = several
                .iter()
                .map(|record| format!("{} ({})", text(&record.json(), "username"), record.id))
                .collect();
            Err(HostError::Usage(format!(
                "{} has {} logins: choose one with --username, or by its id: {}",
                wanted.site,
                several.len(),
                users.join(", ")
            )))
        }
    }
}

fn show(device: &Device, found: &Loaded, field: Option<&str>, show_secrets: bool) -> Result<()> {
    let login = found.json();
    if let Some(field) = field {
        let value = login
            .get(field)
            .filter(|value| !value.is_null())
            .ok_or_else(|| {
                HostError::NotFound(format!("the login {} has no field {field}", found.id))
            })?;
        let shown = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        return print(&Zeroizing::new(shown + "\n"));
    }
    let mut shown = login;
    shown["id"] = found.id.as_str().into();
    if let Some(members) = shown.as_object_mut().filter(|_| !show_secrets) {
        members.remove("password");
        device
            .output
            .note("The password is hidden; --show-secrets shows it.");
    }
    print(&Zeroizing::new(format!("{shown}\n")))
}

/// A new password: made here, or read from stdin.
fn new_secret(device: &Device, is_generated: bool) -> Result<Zeroizing<String>> {
    if is_generated {
        return generate::password(20, true);
    }
    secret::secret(&device.output, None, "password", "stdin")
}

/// A login's own id, as Firefox writes them.
fn new_id() -> Result<RecordId> {
    let bytes: [u8; 16] = random()?;
    let mut bytes = bytes;
    // A random UUID, version 4.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = bytes.map(|byte| format!("{byte:02x}")).concat();
    let id = format!(
        "{{{}-{}-{}-{}-{}}}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    );
    RecordId::new(&id).map_err(|error| HostError::Failed(error.to_string()))
}

/// Scheme, host and port of a URL; phones and browsers compare nothing else.
fn origin(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit('@').next()?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_host = !host.is_empty() && !host.contains([' ', '"', '<', '>']);
    (is_scheme && is_host).then(|| format!("{}://{}", scheme.to_lowercase(), host.to_lowercase()))
}

/// A new login.
fn new_login(site: &str, username: &str, password: &str, target: &Value) -> Value {
    let now = now();
    json!({
        "hostname": site, "formSubmitURL": target["formSubmitURL"], "httpRealm": target["httpRealm"],
        "username": username, "password": password, "usernameField": "", "passwordField": "",
        "timeCreated": now, "timePasswordChanged": now,
    })
}

/// Whether both are the same login for Firefox.
fn is_same(one: &Value, other: &Value) -> bool {
    let parse = |value: &Value| value.to_string().parse::<selvedge_core::json::Value>();
    matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if is_duplicate(&one, &other))
}

async fn add(
    device: &Device,
    site: &str,
    username: &str,
    target: Value,
    is_generated: bool,
    change: Change,
) -> Result<()> {
    let passwords = collection("passwords");
    let site = origin(site).ok_or_else(|| {
        HostError::Usage(format!(
            "{site} is not an origin: write it like https://shop.example"
        ))
    })?;
    let mut target = target;
    if let Some(action) = target["formSubmitURL"]
        .as_str()
        .filter(|action| !action.is_empty())
    {
        target["formSubmitURL"] = origin(action).map_or(Value::Null, Value::from);
        if target["formSubmitURL"].is_null() {
            return Err(HostError::Usage(
                "--action is not an origin: write it like https://shop.example".into(),
            ));
        }
    }
    let known = load_or_empty(device, &passwords, change.remote).await?;
    let login = new_login(&site, username, "", &target);
    if let Some(twice) = known.iter().find(|record| is_same(&record.json(), &login)) {
        return Err(HostError::Usage(format!(
            "{site} has a login of this user already: change it with `selvedge passwords edit {}`",
            twice.id
        )));
    }
    let password = new_secret(device, is_generated)?;
    let login = new_login(&site, username, &password, &target).to_string();
    records::put(device, passwords, Some(new_id()?), login, change.parts()).await
}

async fn export(device: &Device, to: CsvFormat, show_secrets: bool, remote: bool) -> Result<()> {
    if !show_secrets {
        return Err(HostError::Usage(
            "an export contains all passwords as readable text: pass --show-secrets if you want that".into(),
        ));
    }
    let known = records::load(device, &collection("passwords"), remote).await?;
    let mut out = Zeroizing::new(csv::titles(to));
    for record in &known {
        out.push_str(&csv::line(to, &record.id, &record.json()));
    }
    print(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (url, expected) in [
            ("https://a.example/login?x#y", Some("https://a.example")),
            ("HTTPS://A.example:8443", Some("https://a.example:8443")),
            ("http://u:p@a.example/", Some("http://a.example")),
            ("a.example", None),
            ("https://", None),
            ("https://a b/", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
        let login = json!({"hostname": "https://a.example:8443"});
        assert!(is_for(&login, "a.example:8443") && is_for(&login, "https://a.example:8443/"));
        assert!(!is_for(&login, "a.example"));
    }

    #[test]
    fn ids_are_those_of_firefox() {
        let id = new_id().unwrap();
        assert_eq!(id.as_str().len(), 38);
        assert_eq!(id.as_str().as_bytes()[15], b'4');
    }
}
