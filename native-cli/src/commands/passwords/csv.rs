//! Logins in the CSV files of browsers and password managers.

use zeroize::Zeroizing;

use super::grammar::CsvFormat;
use crate::commands::typed::{csv_line, read_csv, text, time};
use serde_json::Value;

/// A login of a file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The line of the file, counted from 1 with the titles.
    pub(super) line: usize,
    pub(super) url: String,
    pub(super) username: String,
    pub(super) password: Zeroizing<String>,
    /// Firefox's own columns.
    pub(super) realm: Option<String>,
    pub(super) action: Option<String>,
}

/// The columns of each format: URL, user name, password.
const COLUMNS: [(CsvFormat, [&str; 3]); 4] = [
    (
        CsvFormat::Bitwarden,
        ["login_uri", "login_username", "login_password"],
    ),
    (CsvFormat::Firefox, ["url", "username", "password"]),
    (CsvFormat::Keepass, ["url", "username", "password"]),
    (CsvFormat::Keepass, ["web site", "login name", "password"]),
];

/// The logins of a file; `None` if its columns are those of no known program.
pub(super) fn read(text: &str) -> Option<Vec<Row>> {
    let mut rows = read_csv(text).into_iter();
    let titles: Vec<String> = rows
        .next()?
        .iter()
        .map(|title| title.trim().to_lowercase())
        .collect();
    let place = |title: &str| titles.iter().position(|known| known == title);
    let columns = COLUMNS.iter().find_map(|(_, [url, username, password])| {
        Some((place(url)?, place(username)?, place(password)?))
    });
    let (url, username, password) = columns?;
    let (realm, action) = (place("httprealm"), place("formactionorigin"));
    let kind = place("type");
    let of = |row: &[String], at: Option<usize>| at.and_then(|at| row.get(at)).cloned();
    let mut found = Vec::new();
    for (at, row) in rows.enumerate() {
        let is_note = of(&row, kind).is_some_and(|kind| kind != "login");
        if is_note || row.iter().all(String::is_empty) {
            continue;
        }
        found.push(Row {
            line: at + 2,
            url: of(&row, Some(url)).unwrap_or_default(),
            username: of(&row, Some(username)).unwrap_or_default(),
            password: of(&row, Some(password)).unwrap_or_default().into(),
            realm: of(&row, realm).filter(|realm| !realm.is_empty()),
            action: of(&row, action),
        });
    }
    Some(found)
}

/// The titles of a format.
pub(super) fn titles(format: CsvFormat) -> String {
    csv_line(match format {
        CsvFormat::Firefox => &[
            "url",
            "username",
            "password",
            "httpRealm",
            "formActionOrigin",
            "guid",
            "timeCreated",
            "timeLastUsed",
            "timePasswordChanged",
        ],
        CsvFormat::Chrome => &["name", "url", "username", "password", "note"],
        CsvFormat::Bitwarden => &[
            "folder",
            "favorite",
            "type",
            "name",
            "notes",
            "fields",
            "reprompt",
            "login_uri",
            "login_username",
            "login_password",
            "login_totp",
        ],
        CsvFormat::Keepass => &[
            "Group",
            "Title",
            "Username",
            "Password",
            "URL",
            "Notes",
            "Last Modified",
        ],
    })
}

/// A login as a line.
pub(super) fn line(format: CsvFormat, id: &str, login: &Value) -> Zeroizing<String> {
    let member = |name| text(login, name);
    let millis = |name: &str| login[name].as_u64().unwrap_or_default();
    let number = |name: &str| match millis(name) {
        0 => String::new(),
        millis => millis.to_string(),
    };
    let (url, user, password) = (member("hostname"), member("username"), member("password"));
    let name = url.split_once("://").map_or(url, |(_, host)| host);
    Zeroizing::new(match format {
        CsvFormat::Firefox => csv_line(&[
            url,
            user,
            password,
            member("httpRealm"),
            member("formSubmitURL"),
            id,
            &number("timeCreated"),
            &number("timeLastUsed"),
            &number("timePasswordChanged"),
        ]),
        CsvFormat::Chrome => csv_line(&[name, url, user, password, ""]),
        CsvFormat::Bitwarden => {
            csv_line(&["", "", "login", name, "", "", "0", url, user, password, ""])
        }
        CsvFormat::Keepass => csv_line(&[
            "Root",
            name,
            user,
            password,
            url,
            "",
            &time(millis("timePasswordChanged")),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_for_each_program_is_read_again() {
        let login = json!({"hostname": "https://shop.example", "username": "an,n", "password": "x\"7\n!",
            "httpRealm": null, "formSubmitURL": "https://shop.example", "timePasswordChanged": 5});
        for format in [
            CsvFormat::Firefox,
            CsvFormat::Chrome,
            CsvFormat::Bitwarden,
            CsvFormat::Keepass,
        ] {
            let file = titles(format) + &line(format, "{a}", &login);
            let rows = read(&file).unwrap();
            assert_eq!(rows.len(), 1, "{format:?}");
            let row = &rows[0];
            assert_eq!(
                (row.line, row.url.as_str()),
                (2, "https://shop.example"),
                "{format:?}"
            );
            assert_eq!(
                (row.username.as_str(), row.password.as_str()),
                ("an,n", "x\"7\n!"),
                "{format:?}"
            );
            let action = (format == CsvFormat::Firefox).then_some("https://shop.example");
            assert_eq!(row.action.as_deref(), action, "{format:?}");
        }
    }

    #[test]
    fn notes_and_unknown_files() {
        assert!(read("a,b\n1,2\n").is_none());
        assert!(read("").is_none());
        let bitwarden = "type,name,login_uri,login_username,login_password\nnote,n,,,\nlogin,n,https://a.example,u,p\n";
        assert_eq!(read(bitwarden).unwrap().len(), 1);
    }
}
