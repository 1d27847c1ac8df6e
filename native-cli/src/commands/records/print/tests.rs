//! Every format, with records that need escaping.

use selvedge_core::ids::CollectionName;

use super::*;

fn style(format: Format, fields: Option<&[&str]>) -> Style {
    Style {
        format,
        fields: fields.map(|fields| fields.iter().map(ToString::to_string).collect()),
        hidden: Hidden::of(&CollectionName::new("notes").unwrap(), false),
        terminal: None,
    }
}

fn print_with(style: Style, records: &[(&str, &str)]) -> (String, Vec<String>) {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, style);
    for (id, text) in records {
        printer
            .record(id, ServerTime::from_hundredths(150), text)
            .unwrap();
    }
    let left_out = printer.finish().unwrap();
    (String::from_utf8(out).unwrap(), left_out)
}

fn print(format: Format, fields: Option<&[&str]>, records: &[(&str, &str)]) -> String {
    print_with(style(format, fields), records).0
}

const RECORDS: [(&str, &str); 2] = [
    ("a", r#"{"id":"a","title":"Milk, \"fresh\"","n":1}"#),
    (
        "b",
        "{\"id\":\"b\",\n\"title\":\"two\\nlines\\tand\",\"n\":[1,2]}",
    ),
];

#[test]
fn jsonl_is_one_object_a_line() {
    let text = print(Format::Jsonl, None, &RECORDS);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], RECORDS[0].1);
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(lines[1]), parsed(RECORDS[1].1));
    assert_eq!(lines.len(), 2);
}

#[test]
fn json_is_one_array() {
    let array: Vec<serde_json::Value> =
        serde_json::from_str(&print(Format::Json, None, &RECORDS)).unwrap();
    assert_eq!(array.len(), 2);
    assert_eq!(print(Format::Json, None, &[]), "[]\n");
}

#[test]
fn csv_quotes_what_needs_it() {
    let text = print(Format::Csv, Some(&["id", "title", "n", "none"]), &RECORDS);
    assert_eq!(
        text,
        "id,title,n,none\na,\"Milk, \"\"fresh\"\"\",1,\nb,\"two\nlines\tand\",\"[1,2]\",\n"
    );
    assert_eq!(
        print(Format::Csv, None, &[("x", "{}")]),
        "id,modified,record\nx,1970-01-01T00:00:01.50Z,{}\n"
    );
    assert_eq!(print(Format::Csv, None, &[]), "id,modified,record\n");
}

#[test]
fn id_and_time_are_columns_unless_the_record_has_fields_of_these_names() {
    let fields: &[&str] = &["modified", "id", "a"];
    for (format, time, separator) in [
        (Format::Csv, "1970-01-01T00:00:01.50Z", ","),
        (Format::Tsv, "1970-01-01T00:00:01.50Z", "\t"),
    ] {
        let text = print(format, Some(fields), &[("x", "{\"a\":1}")]);
        assert_eq!(
            text.lines().nth(1).unwrap(),
            [time, "x", "1"].join(separator)
        );
    }
    let own = print(
        Format::Csv,
        Some(fields),
        &[("x", "{\"modified\":\"own\"}")],
    );
    assert_eq!(own.lines().nth(1), Some("own,x,"));
}

#[test]
fn tsv_escapes_tabs_and_line_ends() {
    let text = print(Format::Tsv, Some(&["title"]), &RECORDS);
    assert_eq!(text, "title\nMilk, \"fresh\"\ntwo\\nlines\\tand\n");
}

#[test]
fn a_table_has_a_column_for_each_field() {
    assert_eq!(
        print(Format::Table, None, &RECORDS),
        "ID  LAST MODIFIED         TITLE          N\n\
         a   1970-01-01T00:00:01Z  Milk, \"fresh\"  1\n\
         b   1970-01-01T00:00:01Z  two\u{fffd}lines\u{fffd}and  [1,2]\n"
    );
    let chosen = print(Format::Table, Some(&["n", "id"]), &RECORDS);
    assert_eq!(chosen, "N      ID\n1      a\n[1,2]  b\n");
    assert_eq!(print(Format::Table, None, &[]), "ID  LAST MODIFIED\n");
    let (narrow, left_out) = print_with(
        Style {
            terminal: Some(40),
            ..style(Format::Table, None)
        },
        &RECORDS,
    );
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 40),
        "{narrow}"
    );
    assert_eq!(left_out, ["n"]);
}

#[test]
fn many_rows_keep_the_columns_of_the_first() {
    let many: Vec<(String, String)> = (0..2000)
        .map(|n| {
            (
                format!("{n}"),
                format!("{{\"n\":{n},\"later{}\":1}}", n / 1000),
            )
        })
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(id, text)| (id.as_str(), text.as_str()))
        .collect();
    let text = print(Format::Table, None, &many);
    assert_eq!(text.lines().count(), 2001);
    let titles: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(titles, ["ID", "LAST", "MODIFIED", "N", "LATER0"]);
}

#[test]
fn nothing_that_a_record_says_commands_the_terminal() {
    let hostile = "{\"t\":\"\u{9b}2J\u{202e}\\u001b[2J\",\"\u{9b}\":1}";
    for format in [
        Format::Json,
        Format::Jsonl,
        Format::Table,
        Format::Csv,
        Format::Tsv,
    ] {
        for fields in [None, Some(&["t"][..])] {
            let on_terminal = Style {
                terminal: Some(80),
                ..style(format, fields)
            };
            let (text, _) = print_with(on_terminal, &[("x", hostile)]);
            let is_bad = |c: char| is_hostile(c) && !matches!(c, '\n' | '\t');
            assert!(!text.chars().any(is_bad), "{format:?} {fields:?}: {text:?}");
        }
    }
    // Programs receive every byte.
    assert_eq!(
        print(Format::Jsonl, None, &[("x", hostile)]),
        format!("{hostile}\n")
    );
    let csv = print(Format::Csv, Some(&["t"]), &[("x", hostile)]);
    assert_eq!(csv, "t\n\u{9b}2J\u{202e}\u{1b}[2J\n");
    let tame = tame_json(hostile.into()).into_owned();
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(&tame), parsed(hostile));
}

#[test]
fn secrets_are_hidden_in_every_format() {
    let login = "{\"id\":\"x\",\"password\":\"swordfish\",\"username\":\"ada\"}";
    for format in [
        Format::Json,
        Format::Jsonl,
        Format::Table,
        Format::Csv,
        Format::Tsv,
    ] {
        for fields in [None, Some(&["username", "password"][..])] {
            for show in [false, true] {
                let style = Style {
                    hidden: Hidden::of(&CollectionName::new("passwords").unwrap(), show),
                    ..style(format, fields)
                };
                let (text, _) = print_with(style, &[("x", login)]);
                assert_eq!(text.contains("swordfish"), show, "{format:?}: {text}");
                assert!(text.contains("ada"), "{format:?}: {text}");
            }
        }
    }
}
