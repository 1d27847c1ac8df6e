//! Tags and keywords belong to URLs: after a merge all bookmarks of one URL have the same, and a keyword has one URL
//! (collections.md §2.6). Firefox replaces those of all bookmarks of a URL by each record that it applies.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Side;
use super::apply::{Outcome, replaced};
use super::local::Local;
use super::mirror::{Mirror, same_tags};
use crate::ids::Guid;
use crate::item::{Item, Kind};

/// Makes the tags and keywords of each URL's bookmarks equal. The youngest change counts. A new bookmark without tags and
/// keyword changes nothing and gets those of its URL. Without a change the tags are united.
pub(super) fn join(outcome: &mut Outcome, local: &Local, mirror: &Mirror) {
    let mut changes: Vec<(Guid, Vec<String>, Option<String>)> = Vec::new();
    {
        // Only URLs with several bookmarks or a keyword matter.
        let mut first: HashMap<&str, &Item> = HashMap::with_capacity(outcome.items.len());
        let mut by_url: HashMap<&str, Vec<&Item>> = HashMap::new();
        for item in outcome
            .items
            .values()
            .filter(|item| item.kind == Kind::Bookmark)
        {
            let Some(url) = item.url.as_deref() else {
                continue;
            };
            match first.entry(url) {
                Entry::Occupied(other) => by_url
                    .entry(url)
                    .or_insert_with(|| vec![*other.get()])
                    .push(item),
                Entry::Vacant(place) => {
                    place.insert(item);
                    if item.keyword.is_some() {
                        by_url.insert(url, vec![item]);
                    }
                }
            }
        }
        // What each URL is to have, if that is not what all of its bookmarks have already.
        let mut wanted: HashMap<&str, (Vec<String>, Option<String>)> = HashMap::new();
        let mut keywords: BTreeMap<&str, Vec<(&str, Rank)>> = BTreeMap::new();
        for (url, items) in &mut by_url {
            let ranks = |item: &Item| rank(item, outcome, local, mirror);
            if items.len() > 1 {
                let different = items.iter().skip(1).any(|item| {
                    items.first().is_some_and(|first| {
                        !same_tags(&first.tags, &item.tags) || first.keyword != item.keyword
                    })
                });
                if different {
                    items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
                    wanted.insert(url, choose(items, ranks));
                }
            }
            for item in items.iter() {
                if let Some(keyword) = item.keyword.as_deref() {
                    keywords
                        .entry(keyword)
                        .or_default()
                        .push((url, ranks(item)));
                }
            }
        }
        for (keyword, mut holders) in keywords {
            holders.retain(|(url, _)| {
                wanted
                    .get(url)
                    .is_none_or(|(_, wanted)| wanted.as_deref() == Some(keyword))
            });
            let Some((keeper, _)) = holders
                .iter()
                .max_by(|(a, one), (b, other)| one.cmp(other).then(b.cmp(a)))
            else {
                continue;
            };
            for (url, _) in holders.iter().filter(|(url, _)| url != keeper) {
                let tags = by_url
                    .get(url)
                    .and_then(|items| items.first())
                    .map(|item| item.tags.clone());
                wanted
                    .entry(url)
                    .or_insert((tags.unwrap_or_default(), None))
                    .1 = None;
            }
        }
        for (url, (tags, keyword)) in wanted {
            for item in by_url.get(url).into_iter().flatten() {
                if !same_tags(&item.tags, &tags) || item.keyword != keyword {
                    changes.push((item.id.clone(), tags.clone(), keyword.clone()));
                }
            }
        }
    }
    changes.sort_unstable();
    for (id, tags, keyword) in changes {
        let Some(item) = outcome.items.get_mut(&id) else {
            continue;
        };
        if !item.tags.is_empty() || item.keyword.is_some() {
            let applied = outcome
                .origins
                .get(&id)
                .is_some_and(|origin| origin.applied);
            outcome.replaced.push(replaced(
                item,
                if applied { Side::Server } else { Side::Local },
            ));
        }
        let item = Arc::make_mut(item);
        item.tags = tags;
        item.keyword = keyword;
        outcome.joined.extend(item.url.clone());
        outcome.weak.remove(&id);
        outcome.uploads.insert(id);
    }
}

/// How much a bookmark's tags and keyword count: changed before unchanged, younger before older, the server's before this
/// device's.
type Rank = (bool, Reverse<i64>, bool);

fn rank(item: &Item, outcome: &Outcome, local: &Local, mirror: &Mirror) -> Rank {
    let Some(origin) = outcome.origins.get(&item.id) else {
        return (false, Reverse(i64::MAX), false);
    };
    let base = origin.remote.as_ref().and_then(|id| mirror.base(id));
    let changed = match base {
        Some(base) => {
            !same_tags(&base.tags, &item.tags)
                || base.keyword != item.keyword
                || base.url != item.url
        }
        None => true,
    };
    // A new bookmark that has neither only does not know them.
    let changed = changed
        && (base.is_some_and(|base| base.url == item.url)
            || !item.tags.is_empty()
            || item.keyword.is_some());
    let change_age = if origin.applied {
        origin
            .remote
            .as_ref()
            .and_then(|id| mirror.rows.get(id))
            .map(|row| age(mirror.now, row.modified))
    } else {
        origin
            .local
            .as_ref()
            .and_then(|id| local.states.get(id))
            .map(|state| age(local.now, state.modified))
    };
    (
        changed,
        Reverse(change_age.unwrap_or(i64::MAX)),
        origin.applied,
    )
}

fn age(now: i64, modified: i64) -> i64 {
    now.saturating_sub(modified).max(0)
}

fn choose(items: &[&Item], rank: impl Fn(&Item) -> Rank) -> (Vec<String>, Option<String>) {
    let best = items
        .iter()
        .map(|item| (rank(item), *item))
        .max_by(|(one, a), (other, b)| one.cmp(other).then(b.id.cmp(&a.id)));
    let Some(((changed, ..), best)) = best else {
        return (Vec::new(), None);
    };
    if changed {
        return (best.tags.clone(), best.keyword.clone());
    }
    let mut tags: Vec<String> = Vec::new();
    for tag in items.iter().flat_map(|item| &item.tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let keyword = best
        .keyword
        .clone()
        .or_else(|| items.iter().find_map(|item| item.keyword.clone()));
    (tags, keyword)
}
