//! Reads of a collection.

use std::sync::mpsc;

use selvedge_core::time::ServerTime;

use super::case::{Checked, Open, Outcome, fails, outcome, same};
use super::rows::{Rec, begin, id, incoming, name, numbered, read, rec, request, uid};
use crate::model::{Bounds, Conditions, Field, Selection, Sort, Target, Write};
use crate::storage::open::Storage;
use crate::storage::page::{PageEnd, PageHead};

const fn sorted(id: &'static str, sortindex: i64) -> Rec {
    Rec {
        sortindex: Field::Set(sortindex),
        ..rec(id, "payload")
    }
}

/// The writes of the collection that is read: a and b share a time, and d and e a sort index.
const WRITES: &[&[Rec]] = &[
    &[sorted("a", 5), rec("b", "payload")],
    &[sorted("c", -5)],
    &[sorted("d", 0), sorted("e", 0)],
    &[sorted("f", 999_999_999)],
];

/// Which records are selected, by the write that their time is compared with.
#[derive(Debug, Clone, Copy, Default)]
struct Query {
    sort: Sort,
    newer_than: Option<usize>,
    older_than: Option<usize>,
    ids: Option<&'static [&'static str]>,
    index_above: Option<i64>,
    index_below: Option<i64>,
    limit: Option<u64>,
    skip: u64,
}

const ALL: Query = Query {
    sort: Sort::Oldest,
    newer_than: None,
    older_than: None,
    ids: None,
    index_above: None,
    index_below: None,
    limit: None,
    skip: 0,
};
const NEWEST: Query = Query {
    sort: Sort::Newest,
    ..ALL
};
const INDEX: Query = Query {
    sort: Sort::Index,
    ..ALL
};

/// A query, its records, and whether more remain.
#[rustfmt::skip]
const SELECTIONS: &[(Query, &[&str], bool)] = &[
    (ALL, &["a", "b", "c", "d", "e", "f"], false),
    (NEWEST, &["f", "e", "d", "c", "b", "a"], false),
    (INDEX, &["f", "a", "e", "d", "c", "b"], false),
    (Query { newer_than: Some(0), ..ALL }, &["c", "d", "e", "f"], false),
    (Query { newer_than: Some(3), ..ALL }, &[], false),
    (Query { older_than: Some(2), ..NEWEST }, &["c", "b", "a"], false),
    (Query { newer_than: Some(0), older_than: Some(3), ..INDEX }, &["e", "d", "c"], false),
    (Query { ids: Some(&["f", "x", "a"]), ..ALL }, &["a", "f"], false),
    (Query { ids: Some(&["x"]), ..ALL }, &[], false),
    (Query { ids: Some(&["a", "c", "f"]), newer_than: Some(0), limit: Some(1), ..ALL }, &["c"], true),
    (Query { index_above: Some(-5), ..ALL }, &["a", "d", "e", "f"], false),
    (Query { index_below: Some(5), ..ALL }, &["c", "d", "e"], false),
    (Query { index_above: Some(0), index_below: Some(6), ..ALL }, &["a"], false),
    (Query { limit: Some(2), ..ALL }, &["a", "b"], true),
    (Query { limit: Some(6), ..ALL }, &["a", "b", "c", "d", "e", "f"], false),
    (Query { limit: Some(2), skip: 3, ..ALL }, &["d", "e"], true),
    (Query { limit: Some(9), skip: 5, ..NEWEST }, &["a"], false),
];

pub(super) async fn run(open: Open<'_>) -> Vec<Outcome> {
    let storage = open(Bounds::default());
    let times = match fill(&storage).await {
        Ok(times) => times,
        Err(failure) => return vec![outcome("a collection is written", Err(failure))],
    };
    let mut outcomes = Vec::new();
    for (query, ids, has_more) in SELECTIONS {
        let checked = selection(&storage, query, &times, ids, *has_more).await;
        outcomes.push(outcome(&format!("{query:?} has its records"), checked));
    }
    for sort in [Sort::Oldest, Sort::Newest, Sort::Index] {
        for limit in 1..=6 {
            let checked = paging(&storage, sort, limit).await;
            outcomes.push(outcome(
                &format!("pages of {limit} records, {sort:?}, are complete"),
                checked,
            ));
        }
    }
    for (claim, checked) in [
        ("a page has full records or ids", full(&storage).await),
        (
            "a page is read under its conditions",
            conditions(&storage, &times).await,
        ),
        (
            "a long page is streamed and shows one moment",
            stream(&storage).await,
        ),
        (
            "another user's collection is not read",
            other_user(&storage).await,
        ),
    ] {
        outcomes.push(outcome(claim, checked));
    }
    outcomes
}

async fn fill(storage: &Storage) -> Result<Vec<ServerTime>, String> {
    let mut times = Vec::new();
    for records in WRITES {
        let write = Write::Put {
            collection: name("notes"),
            records: incoming(records),
            target: Target::Collection,
        };
        let written = storage
            .records
            .write(uid(1), Conditions::default(), write)
            .await;
        times.push(written.map_err(|error| fails("write", &error))?.modified);
    }
    Ok(times)
}

async fn selection(
    storage: &Storage,
    query: &Query,
    times: &[ServerTime],
    ids: &[&str],
    has_more: bool,
) -> Checked {
    let time = |write: Option<usize>| write.and_then(|write| times.get(write).copied());
    let selection = Selection {
        ids: query.ids.map(|ids| ids.iter().map(|one| id(one)).collect()),
        newer: time(query.newer_than),
        older: time(query.older_than),
        limit: query.limit,
        skip: query.skip,
        index_above: query.index_above,
        index_below: query.index_below,
        sort: query.sort,
        ..Selection::default()
    };
    let page = read(storage, request(uid(1), "notes", selection)).await?;
    same("ids", &page.ids(), &ids.to_vec())?;
    same("more remain", &page.next().is_some(), &has_more)
}

/// Pages of one order cover the collection once, in that order.
async fn paging(storage: &Storage, sort: Sort, limit: u64) -> Checked {
    let all = Selection {
        sort,
        ..Selection::default()
    };
    let whole = read(storage, request(uid(1), "notes", all.clone())).await?;
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let selection = Selection {
            limit: Some(limit),
            after,
            ..all.clone()
        };
        let page = read(storage, request(uid(1), "notes", selection)).await?;
        after = page.next();
        rows.extend(page.rows);
        if after.is_none() || rows.len() > whole.rows.len() {
            break;
        }
    }
    same("rows", &rows, &whole.rows)
}

async fn full(storage: &Storage) -> Checked {
    for full in [false, true] {
        let selection = Selection {
            full,
            ..Selection::default()
        };
        let page = read(storage, request(uid(1), "notes", selection)).await?;
        let expected = if full { "payload" } else { "" };
        for row in &page.rows {
            same(&row.id, &row.payload.as_str(), &expected)?;
        }
        let index = page.rows.first().map(|row| row.sortindex);
        same("sort index", &index, &Some(Some(5)))?;
    }
    Ok(())
}

async fn conditions(storage: &Storage, times: &[ServerTime]) -> Checked {
    let modified = times.last().copied().unwrap_or_default();
    let before = ServerTime::from_hundredths(modified.hundredths() - 1);
    let missing = PageHead {
        modified: ServerTime::ZERO,
        records: 0,
        next: None,
    };
    let all = PageHead {
        modified,
        records: 6,
        next: None,
    };
    for (collection, modified_since, unmodified_since, end) in [
        ("notes", Some(before), None, PageEnd::Complete(all)),
        (
            "notes",
            Some(modified),
            None,
            PageEnd::NotModified(modified),
        ),
        ("notes", None, Some(modified), PageEnd::Complete(all)),
        ("notes", None, Some(before), PageEnd::Changed(modified)),
        ("missing", Some(modified), None, PageEnd::Complete(missing)),
        (
            "missing",
            None,
            Some(ServerTime::ZERO),
            PageEnd::Complete(missing),
        ),
    ] {
        let mut request = request(uid(1), collection, Selection::default());
        request.conditions = Conditions {
            if_modified_since: modified_since,
            if_unmodified_since: unmodified_since,
        };
        let page = read(storage, request).await?;
        same("end", &page.end, &Some(end))?;
        let rows = match end {
            PageEnd::Complete(head) => head.records,
            _ => 0,
        };
        same("rows", &(page.rows.len() as u64), &rows)?;
    }
    Ok(())
}

/// While the page waits for its client, the collection is changed and deleted.
async fn stream(storage: &Storage) -> Checked {
    let user = uid(2);
    let write = |write| storage.records.write(user, Conditions::default(), write);
    let written = write(numbered("notes", "r", 50, "before")).await;
    let modified = written.map_err(|error| fails("write", &error))?.modified;
    let (proceed, waits) = mpsc::channel();
    let selection = Selection {
        full: true,
        limit: Some(40),
        ..Selection::default()
    };
    let page = begin(storage, request(user, "notes", selection), 5, Some(waits)).await?;
    for change in [
        numbered("notes", "r", 50, "after"),
        numbered("notes", "s", 5, "after"),
        Write::DeleteCollection {
            collection: name("notes"),
        },
    ] {
        write(change)
            .await
            .map_err(|error| fails("write", &error))?;
    }
    let _ = proceed.send(());
    let page = page.await.map_err(|_| "the page did not end".to_owned())?;
    let head = page.streamed.ok_or("the page was not streamed")?;
    same("time", &head.modified, &modified)?;
    same("announced records", &head.records, &40)?;
    same("more remain", &head.next.is_some(), &true)?;
    same("end", &page.end, &Some(PageEnd::Complete(head)))?;
    same("rows", &page.rows.len(), &40)?;
    let changed = page.rows.iter().find(|row| row.payload != "before");
    same("a row of another moment", &changed, &None)
}

async fn other_user(storage: &Storage) -> Checked {
    let page = read(storage, request(uid(3), "notes", Selection::default())).await?;
    same("ids", &page.ids(), &Vec::new())
}
