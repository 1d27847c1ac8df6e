//! Downloads and uploads that are interrupted, or that conflict with another device's.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Five records on the server, two per page.
fn paged() -> Shelf {
    let shelf = Shelf::default();
    let writer = device(&shelf);
    for id in ["a", "b", "c", "d", "e"] {
        writer.put(id, "{}");
        writer.sync();
    }
    shelf.page.set(2);
    shelf
}

/// Drops the connection at the first request for the second page.
fn cut_once() -> impl FnMut(&Shelf, &Request) -> Option<Answer> {
    let mut is_cut = false;
    move |_, request| {
        let cuts = !is_cut && request.url.contains("offset=");
        is_cut |= cuts;
        cuts.then(|| fails(FetchErrorKind::Offline))
    }
}

#[test]
fn a_download_that_is_cut_goes_on_from_the_last_page() {
    let shelf = paged();
    let reader = device_with(&shelf, cut_once());
    assert!(matches!(
        reader.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    assert!(reader.get("b").is_some() && reader.get("c").is_none());
    let report = reader.sync();
    assert_eq!(
        report.collections[0].pulled.received, 3,
        "only what was missing"
    );
    assert!(
        ["a", "b", "c", "d", "e"]
            .iter()
            .all(|id| reader.get(id).is_some())
    );
    assert_eq!(reader.sync().ending, Ending::NothingToDo);
}

#[test]
fn a_download_of_what_has_changed_meanwhile_begins_again() {
    let shelf = paged();
    let (reader, other) = (device_with(&shelf, cut_once()), device(&shelf));
    reader.sync();
    other.sync();
    other.put("a", r#"{"x":1}"#);
    other.sync();
    let report = reader.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(report.collections[0].pulled.received, 5);
    assert_eq!(reader.get("a").as_deref(), Some(r#"{"id":"a","x":1}"#));
    assert_eq!(reader.sync().ending, Ending::NothingToDo);
}

fn is_post_of_notes(request: &Request) -> bool {
    request.method == Method::Post && request.url.contains("storage/notes")
}

#[test]
fn an_upload_that_meets_another_devices_is_merged_and_sent_again() {
    let shelf = Shelf::default();
    let other = device(&shelf);
    other.put("r", r#"{"x":1,"y":1}"#);
    other.sync();
    let mut other = Some(other);
    let ours = device_with(&shelf, move |_, request| {
        if is_post_of_notes(request)
            && let Some(other) = other.take()
        {
            other.put("r", r#"{"x":1,"y":2}"#);
            assert!(other.sync().is_success());
        }
        None
    });
    ours.sync();
    ours.put("r", r#"{"x":2,"y":1}"#);
    let report = ours.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(
        (
            report.collections[0].pulled.applied.merged,
            report.collections[0].pushed.sent
        ),
        (1, 1)
    );
    assert!(crate::reconcile::has_same_content(
        &ours.get("r").unwrap(),
        r#"{"id":"r","x":2,"y":2}"#
    ));
}

#[test]
fn a_reply_that_is_lost_after_the_commit_does_no_harm() {
    let shelf = Shelf::default();
    let mut is_lost = false;
    let ours = device_with(&shelf, move |shelf, request| {
        (is_post_of_notes(request) && !core::mem::replace(&mut is_lost, true)).then(|| {
            serve(shelf, request);
            fails(FetchErrorKind::Cut)
        })
    });
    ours.put("r", "{}");
    assert!(matches!(
        ours.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    let report = ours.sync();
    assert_eq!(
        (
            report.collections[0].pulled.applied.total(),
            report.collections[0].pushed.sent
        ),
        (0, 0),
        "it is known again"
    );
    assert_eq!(ours.sync().ending, Ending::NothingToDo);
}
