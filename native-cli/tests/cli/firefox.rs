//! Firefox's collections as people use them: on the device, on the server, and between two devices.

use serde_json::{Value, json};

use crate::program::{Device, Server, says};

/// The rows of a list.
fn rows(device: &Device, args: &[&str]) -> Vec<Value> {
    let out = device.run(args).ok();
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn passwords_from_entry_to_another_device() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run_with(
        &[
            "passwords",
            "add",
            "https://shop.example",
            "--username",
            "ann",
        ],
        "x7!\n",
    )
    .ok();
    one.run_with(
        &[
            "passwords",
            "add",
            "https://bank.example",
            "--username",
            "ann",
            "--generate",
        ],
        "",
    )
    .ok();
    says(
        one.run_with(
            &[
                "passwords",
                "add",
                "https://shop.example",
                "--username",
                "ann",
            ],
            "other\n",
        ),
        2,
        "passwords edit",
    );
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();

    let listed = two.run(&["passwords", "list"]).ok();
    assert!(
        listed.contains("shop.example") && !listed.contains("x7!"),
        "{listed}"
    );
    assert_eq!(
        rows(&two, &["passwords", "search", "shop", "--show-secrets"])[0]["password"],
        "x7!"
    );
    let password = ["passwords", "show", "shop.example", "--field", "password"];
    assert_eq!(two.run(&password).ok(), "x7!\n");
    assert_eq!(
        two.run(&[&password[..], &["--remote"]].concat()).ok(),
        "x7!\n"
    );
    let shown = two
        .run(&["passwords", "show", "https://shop.example"])
        .json();
    assert_eq!(
        (&shown["username"], shown.get("password")),
        (&json!("ann"), None)
    );

    // Each device changes another member; the later password stays.
    one.run(&[
        "passwords",
        "edit",
        "shop.example",
        "--new-username",
        "anna",
    ])
    .ok();
    two.run_with(
        &["passwords", "edit", "shop.example", "--new-password"],
        "y8?\n",
    )
    .ok();
    for device in [&one, &two, &one] {
        device.run(&["sync"]).ok();
    }
    for device in [&one, &two] {
        let row = &rows(device, &["passwords", "search", "shop", "--show-secrets"])[0];
        assert_eq!(
            (&row["username"], &row["password"]),
            (&json!("anna"), &json!("y8?"))
        );
    }
    two.run(&["passwords", "delete", "shop.example", "--dry-run"])
        .ok();
    two.run(&["passwords", "delete", "shop.example"]).ok();
    assert_eq!(rows(&two, &["passwords", "list"]).len(), 1);
    says(
        two.run(&["passwords", "show", "shop.example"]),
        4,
        "passwords list",
    );
}

#[test]
fn passwords_move_between_programs() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let file = one.write(
        "logins.csv",
        "name,url,username,password,note\nShop,https://shop.example/login,ann,x7!,\nBank,https://bank.example/,ann,x7!,\nNo,,ann,z,\n",
    );
    let ran = one.run(&["passwords", "import", &file, "--dry-run"]);
    assert!(
        ran.err.contains("2 new") && ran.err.contains("line 4: skipped"),
        "{ran:?}"
    );
    one.run(&["passwords", "import", &file]).ok();
    let again = one.run(&["passwords", "import", &file]);
    assert!(
        again.err.contains("0 new") && again.err.contains("2 already there"),
        "{again:?}"
    );
    let report = one.run(&["passwords", "report", "--json"]).json();
    assert_eq!(report["reused"][0].as_array().unwrap().len(), 2);
    assert_eq!(report["duplicates"], json!([]));
    says(one.run(&["passwords", "export"]), 2, "--show-secrets");
    for to in ["firefox", "chrome", "bitwarden", "keepass"] {
        let csv = one
            .run(&["passwords", "export", "--show-secrets", "--to", to])
            .ok();
        let other = Device::with_account(&server);
        other.run_with(&["passwords", "import", "-"], &csv).ok();
        assert_eq!(rows(&other, &["passwords", "list"]).len(), 2, "{to}");
    }
    let changed = csv_with(&one, "x7!", "new");
    let kept = one.run_with(&["passwords", "import", "-"], &changed);
    assert!(
        kept.err.contains("2 with another password than here"),
        "{kept:?}"
    );
    one.run_with(&["passwords", "import", "-", "--replace"], &changed)
        .ok();
    assert_eq!(
        one.run(&["passwords", "show", "shop.example", "--field", "password"])
            .ok(),
        "new\n"
    );
    let made = one
        .run(&["passwords", "generate", "--length", "30", "--no-symbols"])
        .ok();
    assert!(made.len() == 31 && made.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()));
}

fn csv_with(device: &Device, from: &str, to: &str) -> String {
    device
        .run(&["passwords", "export", "--show-secrets"])
        .ok()
        .replace(from, to)
}

#[test]
fn visits_of_two_devices_are_united() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run(&[
        "history",
        "add",
        "https://www.example.org/a",
        "--title",
        "A",
    ])
    .ok();
    one.run(&["history", "add", "https://other.example/"]).ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    for device in [&one, &two] {
        std::thread::sleep(std::time::Duration::from_millis(5));
        device
            .run(&["history", "add", "https://www.example.org/a"])
            .ok();
    }
    for device in [&one, &two, &one] {
        device.run(&["sync"]).ok();
    }
    for device in [&one, &two] {
        let found = rows(device, &["history", "search", "example.org"]);
        assert_eq!((found.len(), &found[0]["visits"]), (1, &json!(3)));
    }
    assert_eq!(rows(&one, &["history", "export", "--since", "1h"]).len(), 4);
    assert_eq!(
        rows(&one, &["history", "list", "--since", "2w", "--limit", "1"]).len(),
        1
    );
    assert_eq!(rows(&one, &["history", "list", "--remote"]).len(), 2);
    one.run(&["history", "forget", "example.org"]).ok();
    assert_eq!(rows(&one, &["history", "list"]).len(), 1);
    one.run(&["history", "delete", "https://other.example/"])
        .ok();
    assert_eq!(rows(&one, &["history", "list"]).len(), 0);
    says(one.run(&["history", "forget", "example.org"]), 4, "no page");
}

#[test]
fn cards_are_masked_and_addresses_are_edited() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run_with(
            &[
                "cards", "add", "--name", "Ann", "--month", "12", "--year", "2030",
            ],
            "4111 1111 1111 1111\n",
        )
        .ok();
    let card = &rows(&device, &["cards", "list"])[0];
    assert_eq!(card["cc-number"], "••••1111");
    let id = card["id"].as_str().unwrap();
    device.run(&["cards", "edit", id, "--year", "2031"]).ok();
    let card = &rows(&device, &["cards", "list", "--show-secrets"])[0];
    assert_eq!(
        (&card["cc-number"], &card["cc-exp-year"]),
        (&json!("4111111111111111"), &json!(2031))
    );
    says(
        device.run_with(&["cards", "add", "--name", "Ann"], "12\n"),
        2,
        "8 to 19 digits",
    );

    device
        .run(&["addresses", "add", "--name", "Ann Example", "--tel", "1"])
        .ok();
    let address = &rows(&device, &["addresses", "list"])[0];
    let id = address["id"].as_str().unwrap();
    device
        .run(&["addresses", "edit", id, "--tel", "", "--country", "DE"])
        .ok();
    let address = &rows(&device, &["addresses", "list"])[0];
    assert_eq!(
        (address.get("tel"), &address["country"]),
        (None, &json!("DE"))
    );
    device.run(&["addresses", "delete", id]).ok();
    assert_eq!(rows(&device, &["addresses", "list"]).len(), 0);
}

#[test]
fn two_changes_of_one_address_are_two_addresses() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run(&["addresses", "add", "--name", "Ann Example", "--tel", "1"])
        .ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    let listed = &rows(&one, &["addresses", "list"])[0];
    let id = listed["id"].as_str().unwrap();
    one.run(&["addresses", "edit", id, "--tel", "2"]).ok();
    two.run(&["addresses", "edit", id, "--tel", "3"]).ok();
    for device in [&one, &two, &one] {
        device.run(&["sync"]).ok();
    }
    for device in [&one, &two] {
        let mut numbers: Vec<String> = rows(device, &["addresses", "list"])
            .iter()
            .map(|row| row["tel"].to_string())
            .collect();
        numbers.sort();
        assert_eq!(numbers, ["\"2\"", "\"3\""]);
    }
}

#[test]
fn what_firefox_wrote_is_listed() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let put = |collection, record: Value| {
        device
            .run_with(&["records", "put", collection], &record.to_string())
            .ok();
    };
    put(
        "tabs",
        json!({"id": "npwmPOsO89Am", "clientName": "Laptop", "tabs": [
        {"title": "A", "urlHistory": ["https://a.example/"], "icon": null, "lastUsed": 1_796_000_000},
        {"title": "B", "urlHistory": ["https://b.example/"], "icon": null, "lastUsed": 1_796_000_000}]}),
    );
    put(
        "forms",
        json!({"id": "Qm9Xc2VwbHVz", "name": "city", "value": "Berlin"}),
    );
    put(
        "addons",
        json!({"id": "{a}", "addonID": "dark@example.org", "applicationID": "x", "enabled": true, "source": "amo"}),
    );
    put(
        "prefs",
        json!({"id": "p", "value": {"browser.zoom": true, "other": null}}),
    );
    assert_eq!(rows(&device, &["tabs", "list", "--client", "lap"]).len(), 2);
    assert_eq!(
        rows(&device, &["tabs", "list", "--client", "phone"]).len(),
        0
    );
    let csv = device.run(&["tabs", "export", "--format", "csv"]).ok();
    assert!(
        csv.starts_with("device,lastUsed,title,url\nLaptop,"),
        "{csv}"
    );
    assert_eq!(
        rows(&device, &["forms", "list", "--name", "cit"])[0]["value"],
        "Berlin"
    );
    device.run(&["forms", "delete", "Qm9Xc2VwbHVz"]).ok();
    assert_eq!(rows(&device, &["forms", "list"]).len(), 0);
    assert_eq!(
        rows(&device, &["addons", "list"])[0]["addon"],
        "dark@example.org"
    );
    assert_eq!(rows(&device, &["prefs", "list"]).len(), 1);
    assert_eq!(rows(&device, &["prefs", "list", "--all"]).len(), 2);
}

#[test]
fn keys_of_an_extension() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let set = ["extension-storage", "set", "dark@example.org"];
    device
        .run(&[&set[..], &["theme", "\"dark\""]].concat())
        .ok();
    device.run(&[&set[..], &["size", "12"]].concat()).ok();
    let get = ["extension-storage", "get", "dark@example.org"];
    assert_eq!(
        device.run(&[&get[..], &["theme"]].concat()).ok(),
        "\"dark\"\n"
    );
    assert_eq!(
        device.run(&get).json(),
        json!({"theme": "dark", "size": 12})
    );
    let long = format!("\"{}\"", "x".repeat(9000));
    says(
        device.run(&[&set[..], &["theme", &long]].concat()),
        2,
        "at most 8192",
    );
    says(
        device.run(&[&set[..], &["theme", "dark"]].concat()),
        2,
        "not JSON",
    );
    assert_eq!(rows(&device, &["extension-storage", "list"]).len(), 2);
    for key in ["theme", "size"] {
        device.run(&[&set[..], &[key, "--remove"]].concat()).ok();
    }
    says(device.run(&get), 4, "stores nothing");
}

#[test]
fn bookmarks_as_a_tree() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run(&[
        "bookmarks",
        "add",
        "--new-folder",
        "--title",
        "Recipes",
        "--folder",
        "Menu",
    ])
    .ok();
    one.run(&[
        "bookmarks",
        "add",
        "https://soup.example/",
        "--title",
        "Soup",
        "--folder",
        "Menu/Recipes",
        "--tags",
        "food,warm",
    ])
    .ok();
    one.run(&[
        "bookmarks",
        "add",
        "https://bread.example/",
        "--title",
        "Bread",
        "--folder",
        "Menu/Recipes",
        "--position",
        "0",
    ])
    .ok();
    let tree = one.run(&["bookmarks", "tree", "Menu"]).ok();
    assert_eq!(
        tree,
        "Menu/\n  Recipes/\n    Bread  https://bread.example/\n    Soup  https://soup.example/\n"
    );
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    assert_eq!(two.run(&["bookmarks", "tree", "Menu"]).ok(), tree);
    assert_eq!(
        one.run(&["bookmarks", "tree", "Menu", "--remote"]).ok(),
        tree
    );
    two.run(&["bookmarks", "check"]).ok();

    two.run(&[
        "bookmarks",
        "edit",
        "https://soup.example/",
        "--title",
        "Hot soup",
        "--tags",
        "food",
    ])
    .ok();
    two.run(&["bookmarks", "move", "Menu/Recipes/Hot soup", "Toolbar"])
        .ok();
    let found = rows(&two, &["bookmarks", "search", "soup"]);
    assert_eq!(
        (found.len(), &found[0]["folder"], &found[0]["tags"]),
        (1, &json!("Toolbar"), &json!(["food"]))
    );
    assert_eq!(rows(&two, &["bookmarks", "list", "--tag", "food"]).len(), 1);
    assert_eq!(
        two.run(&["bookmarks", "show", "https://soup.example/"])
            .json()["path"],
        "Toolbar/Hot soup"
    );

    let html = two.run(&["bookmarks", "export", "--to", "html"]).ok();
    let again = two.run_with(&["bookmarks", "import", "-", "--dry-run"], &html);
    assert!(
        again.out.is_empty() && again.err.contains("Nothing to do"),
        "{again:?}"
    );
    let backup = two.run(&["bookmarks", "export", "--to", "json"]).ok();
    for file in [&html, &backup] {
        let other = Device::with_account(&server);
        other.run_with(&["bookmarks", "import", "-"], file).ok();
        assert_eq!(
            other.run(&["bookmarks", "tree"]).ok(),
            two.run(&["bookmarks", "tree"]).ok()
        );
        other.run(&["bookmarks", "check"]).ok();
    }
    two.run(&[
        "bookmarks",
        "add",
        "https://soup.example/",
        "--folder",
        "Toolbar",
    ])
    .ok();
    says(
        two.run(&["bookmarks", "show", "https://soup.example/"]),
        2,
        "several times",
    );
    two.run(&["bookmarks", "dedupe"]).ok();
    assert_eq!(rows(&two, &["bookmarks", "list", "Toolbar"]).len(), 1);
    two.run(&["bookmarks", "delete", "Menu/Recipes"]).ok();
    assert_eq!(two.run(&["bookmarks", "tree", "Menu"]).ok(), "Menu/\n");
    two.run(&["bookmarks", "check"]).ok();
    says(two.run(&["bookmarks", "delete", "Menu"]), 2, "");
}
