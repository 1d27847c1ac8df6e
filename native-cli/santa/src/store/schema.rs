//! The tables of a machine's Santa state.

use selvedge_host::schema::Format;

/// A table of rules.
macro_rules! table_of_rules {
    ($name:literal) => {
        concat!(
            "CREATE TABLE ",
            $name,
            " (
        type       INTEGER NOT NULL,
        identifier TEXT NOT NULL,
        state      INTEGER NOT NULL,
        custom_msg TEXT NOT NULL,
        custom_url TEXT NOT NULL,
        cel_expr   TEXT NOT NULL,
        label      TEXT NOT NULL,
        PRIMARY KEY (type, identifier)
    ) STRICT, WITHOUT ROWID;"
        )
    };
}

/// The application id is "SelS" in ASCII. Event ids are never reused (AUTOINCREMENT). `local_rule` has the rules that
/// were added on this machine, which servers do not change.
pub(super) const SANTA: Format = Format {
    application_id: 0x5365_6C53,
    steps: &[concat!(
        "
    CREATE TABLE machine (
        only      INTEGER PRIMARY KEY CHECK (only = 1),
        state     TEXT,
        last_sync TEXT
    ) STRICT;
    INSERT INTO machine (only) VALUES (1);
    ",
        table_of_rules!("rule"),
        table_of_rules!("local_rule"),
        "
    CREATE TABLE event (
        id   INTEGER PRIMARY KEY AUTOINCREMENT,
        key  TEXT NOT NULL UNIQUE,
        body TEXT NOT NULL
    ) STRICT;
"
    )],
};
