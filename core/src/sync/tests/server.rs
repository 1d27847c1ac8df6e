//! A scripted storage server: enough of the protocol for meta/global, crypto/keys and small collections.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, Ref, RefCell, RefMut};

use crate::http::{Method, Request};
use crate::script::{Answer, ENDPOINT, json, status};
use crate::time::ServerTime;

/// The records of the scripted server by `collection/id`: time in hundredths, and payload.
pub(super) type Rows = BTreeMap<String, (u64, String)>;

/// The state of the scripted server. Its clock never goes back, even after deletions.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    pub(super) records: Rc<RefCell<Rows>>,
    pub(super) clock: Rc<Cell<u64>>,
    /// Maximum number of records per page; 0 for no limit.
    pub(super) page: Rc<Cell<usize>>,
}

impl Shelf {
    pub(super) fn borrow(&self) -> Ref<'_, Rows> {
        self.records.borrow()
    }

    pub(super) fn borrow_mut(&self) -> RefMut<'_, Rows> {
        self.records.borrow_mut()
    }

    pub(super) fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 100);
        self.clock.get()
    }
}

/// Answers a request, as a storage server does.
pub(super) fn serve(shelf: &Shelf, request: &Request) -> Answer {
    answer(shelf, request).genuine()
}

fn answer(shelf: &Shelf, request: &Request) -> Answer {
    let page = shelf.page.get();
    let now = shelf.clock.get() + 100;
    if request.method != Method::Get {
        shelf.tick();
    }
    let mut shelf = shelf.borrow_mut();
    let path = request
        .url
        .strip_prefix(ENDPOINT)
        .unwrap_or_default()
        .trim_start_matches('/');
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.split('/').collect();
    let latest = |prefix: &str| {
        shelf
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, (time, _))| *time)
            .max()
            .unwrap_or(0)
    };
    let time = |hundredths| ServerTime::from_hundredths(hundredths).to_string();
    let condition = |name: &str| {
        request
            .header(name)
            .map(|text| ServerTime::parse(text).unwrap().hundredths())
    };
    let target = parts
        .get(1)
        .map_or(String::new(), |name| match parts.get(2) {
            Some(id) => format!("{name}/{id}"),
            None => format!("{name}/"),
        });
    if condition("X-If-Unmodified-Since").is_some_and(|seen| latest(&target) > seen) {
        return status(412).header("X-Last-Modified", time(latest(&target)));
    }
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["info", "collections"]) => {
            if condition("X-If-Modified-Since").is_some_and(|seen| latest("") <= seen) {
                return status(304).header("X-Last-Modified", time(latest("")));
            }
            let names: BTreeMap<&str, u64> = shelf.keys().filter_map(|key| key.split('/').next()).map(|name| (name, latest(&format!("{name}/")))).collect();
            let body: Vec<String> = names.iter().map(|(name, at)| format!("{name:?}:{}", time(*at))).collect();
            json(format!("{{{}}}", body.join(","))).header("X-Last-Modified", time(latest("")))
        }
        ("GET", ["info", "configuration"]) => json("{}"),
        ("GET", ["info", "collection_counts"]) => {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for name in shelf.keys().filter_map(|key| key.split('/').next()) {
                *counts.entry(name).or_default() += 1;
            }
            json(serde_json::to_string(&counts).unwrap())
        }
        ("GET", ["storage", _]) => {
            let asked = |name: &str| {
                query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            };
            let bound = |name, otherwise| asked(name).map_or(otherwise, |text| ServerTime::parse(text).unwrap().hundredths());
            let (newer, older) = (bound("newer", 0), bound("older", u64::MAX));
            let ids: Option<Vec<&str>> = asked("ids").map(|ids| ids.split(',').collect());
            let mut found: Vec<(&str, u64, &str)> = shelf
                .iter()
                .filter_map(|(key, (at, payload))| Some((key.strip_prefix(&target)?, *at, payload.as_str())))
                .filter(|(id, at, _)| (newer + 1..older).contains(at) && ids.as_ref().is_none_or(|ids| ids.contains(id)))
                .collect();
            match asked("sort") {
                Some("newest") => found.sort_by_key(|(_, at, _)| core::cmp::Reverse(*at)),
                Some("oldest") => found.sort_by_key(|(_, at, _)| *at),
                _ => {}
            }
            let mut rows: Vec<String> = found
                .into_iter()
                .map(|(id, at, payload)| {
                    if !query.contains("full=1") {
                        return format!("{id:?}");
                    }
                    let payload = serde_json::Value::from(payload);
                    format!("{{\"id\":{id:?},\"modified\":{},\"payload\":{payload}}}", time(at))
                })
                .collect();
            let offset: usize = asked("offset").map_or(0, |text| text.parse().unwrap());
            let mut rest = rows.split_off(offset);
            let more = if page > 0 { rest.split_off(page.min(rest.len())) } else { Vec::new() };
            let answer = json(format!("[{}]", rest.join(","))).header("X-Last-Modified", time(latest(&target)));
            if more.is_empty() { answer } else { answer.header("X-Weave-Next-Offset", (offset + page).to_string()) }
        }
        ("GET", ["storage", _, id]) => match shelf.get(&target) {
            None => status(404),
            Some((at, payload)) => json(
                serde_json::json!({"id": id, "modified": ServerTime::from_hundredths(*at), "payload": payload}).to_string(),
            )
            .header("X-Last-Modified", time(*at)),
        },
        ("PUT", ["storage", _, _]) => {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            shelf.insert(target, (now, body["payload"].as_str().unwrap().to_string()));
            json(time(now)).header("X-Last-Modified", time(now))
        }
        ("POST", ["storage", collection]) => {
            let body: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
            let ids: Vec<&str> = body.iter().map(|bso| bso["id"].as_str().unwrap()).collect();
            for bso in &body {
                let payload = bso["payload"].as_str().unwrap().to_string();
                shelf.insert(format!("{collection}/{}", bso["id"].as_str().unwrap()), (now, payload));
            }
            json(serde_json::json!({"modified": ServerTime::from_hundredths(now), "success": ids, "failed": {}}).to_string())
                .header("X-Last-Modified", time(now))
        }
        ("DELETE", ["storage"]) => {
            shelf.clear();
            json("{}").header("X-Last-Modified", time(now))
        }
        ("DELETE", ["storage", _]) => {
            let ids = query.split('&').find_map(|pair| pair.strip_prefix("ids="));
            let ids: Option<Vec<&str>> = ids.map(|ids| ids.split("%2C").flat_map(|ids| ids.split(',')).collect());
            shelf.retain(|key, _| match (key.strip_prefix(&target), &ids) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(id), Some(ids)) => !ids.contains(&id),
            });
            json("{}").header("X-Last-Modified", time(now))
        }
        (method, _) => panic!("the scripted server knows no {method} {path}"),
    }
}

/// Replaces the payload of a record on the server, as another client would.
pub(super) fn write(shelf: &Shelf, key: &str, payload: &str) {
    let now = shelf.tick();
    shelf.borrow_mut().insert(key.into(), (now, payload.into()));
}
