//! File formats: what is exported is imported as the same tree.

use proptest::prelude::*;
use selvedge_bookmarks::formats::{Outline, backup, csv, markdown, netscape};
use selvedge_bookmarks::ids::{Guid, MENU_GUID, TOOLBAR_GUID};
use selvedge_bookmarks::import::{Step, import};
use selvedge_bookmarks::item::Kind;
use selvedge_bookmarks::tree::{Edit, NewItem, Tree};

use super::account::Ids;
use super::laws::{run, step};

fn sample() -> Tree {
    let (mut tree, mut ids) = (Tree::empty(), Ids::default());
    let mut add = |folder: &Guid, new: NewItem| {
        tree.add_returning(folder, None, new, 1_795_000_000_000, &mut ids)
            .unwrap()
            .0
    };
    let described = NewItem {
        tags: vec!["red".into(), "grün".into()],
        keyword: Some("ex".into()),
        description: Some("two\nlines & <b>".into()),
        ..NewItem::bookmark(
            "A \"quoted\" <title> & more",
            "https://example.org/?a=1&b=%22",
        )
    };
    add(&MENU_GUID, described);
    add(&MENU_GUID, NewItem::separator());
    let folder = add(
        &MENU_GUID,
        NewItem {
            description: Some("of a folder".into()),
            ..NewItem::folder("Recipes / Bread")
        },
    );
    let inner = add(&folder, NewItem::folder("Inner"));
    add(
        &inner,
        NewItem::bookmark("deep", "https://example.org/deep"),
    );
    add(
        &folder,
        NewItem::bookmark("after", "https://example.org/after"),
    );
    add(&folder, NewItem::folder("Empty"));
    add(
        &TOOLBAR_GUID,
        NewItem::bookmark("js", "javascript:alert('x')"),
    );
    add(
        &TOOLBAR_GUID,
        NewItem {
            kind: Kind::Query,
            ..NewItem::bookmark("query", "place:tag=red")
        },
    );
    tree
}

/// The outline without ids, and with what HTML has not left out: dates of separators, the roots' own titles and dates.
fn plain(tree: &Tree) -> Outline {
    let mut outline = Outline::of(tree);
    for entry in &mut outline.entries {
        entry.id = None;
        entry.date_added -= entry.date_added % 1000;
        if entry.item.kind == Kind::Separator {
            entry.date_added = 0;
        }
        if entry.root.is_some() {
            entry.item.title.clear();
            entry.date_added = 0;
        }
    }
    outline
}

fn html(tree: &Tree) -> String {
    let mut file = Vec::new();
    netscape::write(tree, &mut file).unwrap();
    String::from_utf8(file).unwrap()
}

fn json(tree: &Tree) -> Vec<u8> {
    let mut file = Vec::new();
    backup::write(tree, &mut file).unwrap();
    file
}

#[test]
fn an_export_in_html_imported_into_nothing_is_the_same_tree() {
    let tree = sample();
    let imported = import(
        &Tree::empty(),
        &netscape::read(&html(&tree)).unwrap(),
        i64::MAX,
        &mut Ids::default(),
    );
    assert_eq!(plain(&imported.tree), plain(&tree));
}

#[test]
fn html_is_as_firefox_writes_it() {
    let text = html(&sample());
    assert!(text.starts_with(
        "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<!-- This is an automatically generated file."
    ));
    let line = "    <DT><A HREF=\"https://example.org/?a=1&amp;b=%22\" ADD_DATE=\"1795000000\" SHORTCUTURL=\"ex\" TAGS=\"red,grün\">\
                A &quot;quoted&quot; &lt;title&gt; &amp; more</A>\n<DD>two&#10;lines &amp; &lt;b&gt;\n    <HR>\n";
    assert!(text.contains(line), "{text}");
    for name in [
        "PERSONAL_TOOLBAR_FOLDER=\"true\">Bookmarks Toolbar",
        "UNFILED_BOOKMARKS_FOLDER=\"true\">",
        "MOBILE_BOOKMARKS_FOLDER=\"true\">",
    ] {
        assert!(text.contains(name));
    }
}

#[test]
fn an_export_imported_into_its_own_tree_has_nothing_to_do() {
    let tree = sample();
    for outline in [
        netscape::read(&html(&tree)).unwrap(),
        backup::read(&json(&tree)).unwrap(),
    ] {
        let imported = import(&tree, &outline, 5, &mut Ids::default());
        assert_eq!(
            (imported.steps, imported.changes.is_empty()),
            (vec![], true)
        );
    }
}

#[test]
fn a_backup_restores_ids_dates_and_all_values() {
    let tree = sample();
    let file = json(&tree);
    let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(value["root"], "placesRoot");
    assert_eq!(value["children"][1]["root"], "toolbarFolder");
    assert_eq!(
        value["children"][0]["children"][0]["dateAdded"],
        1_795_000_000_000_000_i64
    );
    let packed = backup::compress(&file);
    assert_eq!(&packed[..8], b"mozLz40\0");
    for file in [&file, &packed] {
        let imported = import(
            &Tree::empty(),
            &backup::read(file).unwrap(),
            i64::MAX,
            &mut Ids::default(),
        );
        assert_eq!(imported.tree, tree);
    }
}

#[test]
fn a_damaged_backup_is_refused_and_reserves_no_memory() {
    let mut packed = backup::compress(&json(&sample()));
    packed[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(backup::read(&packed).is_err());
    assert!(backup::read(b"mozLz40\0").is_err());
    assert!(backup::read(b"{}").is_err());
    assert!(backup::read("[".repeat(100_000).as_bytes()).is_err());
    assert!(netscape::read("no bookmarks").is_err());
}

#[test]
fn an_import_merges_by_url_and_folder_and_says_what_it_does() {
    let file = r#"<!DOCTYPE NETSCAPE-Bookmark-file-1>
        <dl><p>
        <dt><a href="https://example.org/?a=1&b=%22" tags="blue,red">New title</a>
        <dt><a href='https://example.org/new' add_date=1700000000 icon="data:x>y">New</a>
        <dt><a href="not a url">Broken</a>
        <dt><h3>Recipes / Bread</h3>
        <dl><dt><a HREF="https://example.org/other">Other</a></dl>
        </dl>"#;
    let tree = sample();
    let imported = import(
        &tree,
        &netscape::read(file).unwrap(),
        1_796_000_000_000,
        &mut Ids(900),
    );
    let steps: Vec<String> = imported.steps.iter().map(ToString::to_string).collect();
    assert_eq!(steps.len(), 5, "{steps:?}");
    assert!(steps[0].starts_with("change the title") && steps[0].ends_with("to \"New title\""));
    assert!(steps[1].ends_with("to \"red,grün,blue\""));
    assert_eq!(steps[2], "add \"New\" to Menu");
    assert!(matches!(imported.steps[3], Step::Skipped { .. }));
    assert_eq!(steps[4], "add \"Other\" to Menu/Recipes \\/ Bread");
    assert_eq!(imported.tree.len(), tree.len() + 2);
    let new = imported.tree.find("Menu/New").unwrap();
    assert_eq!(new.date_added, 1_700_000_000_000);
    assert!(
        imported.changes.changed.contains(&new.id) && imported.changes.changed.contains(&MENU_GUID)
    );
    assert_eq!(
        imported
            .tree
            .find("Menu/Recipes \\/ Bread/Other")
            .unwrap()
            .title,
        "Other"
    );
}

#[test]
fn markdown_and_csv_contain_every_bookmark() {
    let (mut text, mut table) = (Vec::new(), Vec::new());
    let mut tree = sample();
    let quoted = tree
        .find("Menu/Recipes \\/ Bread/after")
        .unwrap()
        .id
        .clone();
    tree.edit(
        &quoted,
        Edit {
            title: Some("a, \"b\"".into()),
            ..Edit::default()
        },
    )
    .unwrap();
    markdown::write(&tree, &mut text).unwrap();
    csv::write(&tree, &mut table).unwrap();
    let (text, table) = (
        String::from_utf8(text).unwrap(),
        String::from_utf8(table).unwrap(),
    );
    assert!(text.contains("## Menu\n\n- [A \"quoted\" \\<title\\> & more](<https://example.org/?a=1&b=%22>) `#red` `#grün` — two lines & \\<b\\>\n- ---\n- **Recipes / Bread** — of a folder\n  - **Inner**\n    - [deep](<https://example.org/deep>)\n"), "{text}");
    assert!(
        table.contains(
            "Menu/Recipes \\/ Bread/Inner,deep,https://example.org/deep,,,,2026-11-18T11:06:40Z,"
        ),
        "{table}"
    );
    assert!(table.contains(",\"a, \"\"b\"\"\",https://example.org/after,"));
    assert_eq!(table.matches("https://example.org/").count(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_survives_both_formats(steps in prop::collection::vec(step(), 0..60), title in "\\PC{0,20}") {
        let (mut tree, mut ids) = (Tree::empty(), Ids::default());
        for step in &steps {
            run(&mut tree, step, 1_795_000_000_000, &mut ids);
        }
        let title = title.trim().to_owned();
        tree.add(&MENU_GUID, None, NewItem::folder(&title), 1_795_000_000_000, &mut ids).unwrap();
        let from_html = import(&Tree::empty(), &netscape::read(&html(&tree)).unwrap(), i64::MAX, &mut Ids(5000));
        prop_assert_eq!(plain(&from_html.tree), plain(&tree));
        let restored = import(&Tree::empty(), &backup::read(&json(&tree)).unwrap(), i64::MAX, &mut ids);
        prop_assert_eq!(restored.tree, tree);
    }

    #[test]
    fn readers_take_any_text(text in "(<|>|dl|DT|<A HREF=|<H3>|</|\"|'|=|&#x41;|&|;|\\PC| ){0,60}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let html = format!("<!DOCTYPE NETSCAPE-Bookmark-file-1>{text}");
        let outline = netscape::read(&html).unwrap();
        prop_assert!(import(&Tree::empty(), &outline, 5, &mut Ids::default()).tree.len() >= 4);
        let _ = backup::read(text.as_bytes());
        let _ = backup::read(&bytes);
        let _ = backup::decompress(&[b"mozLz40\0", bytes.as_slice()].concat());
    }
}
