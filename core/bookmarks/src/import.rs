//! Merges a file's bookmarks into a tree, by URL and folder: what is there already stays, what is missing is added.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use crate::formats::{Entry, Outline};
use crate::ids::{Guid, MENU_GUID, MakeGuid, is_root};
use crate::item::{Item, Kind};
use crate::record::{clean_keyword, clean_tags, clean_title, clean_url};
use crate::tree::{Changes, Tree};

/// What an import does with one of the file's items.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It is added.
    Added {
        /// The new item.
        id: Guid,
        /// The path of its folder.
        folder: String,
        /// Its title.
        title: String,
    },
    /// An item of the tree gets a value of it.
    Changed {
        /// The item.
        id: Guid,
        /// Which value.
        property: &'static str,
        /// The former value.
        from: String,
        /// The new one.
        to: String,
    },
    /// It cannot be used.
    Skipped {
        /// Its title.
        title: String,
        /// Why.
        reason: &'static str,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { folder, title, .. } => write!(f, "add {title:?} to {folder}"),
            Self::Changed {
                id,
                property,
                from,
                to,
            } => {
                write!(
                    f,
                    "change the {property} of {} from {from:?} to {to:?}",
                    id.as_str()
                )
            }
            Self::Skipped { title, reason } => write!(f, "skip {title:?}: {reason}"),
        }
    }
}

/// The result of an import, to be shown before it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The tree with the file's items.
    pub tree: Tree,
    /// The records that change.
    pub changes: Changes,
    /// What happens to each item; items that are there already are left out.
    pub steps: Vec<Step>,
}

/// Merges an outline into a tree; the tree itself stays as it is. In each folder, the file's folders are matched by title,
/// its bookmarks by URL, its separators by number.
///
/// ```
/// use selvedge_bookmarks::formats::netscape;
/// use selvedge_bookmarks::import::import;
/// use selvedge_bookmarks::tree::Tree;
///
/// let file = netscape::read(r#"<DL><DT><A HREF="https://example.org/">Example</A></DL>"#)?;
/// let first = import(&Tree::empty(), &file, 1_796_000_000_000, &mut || [1; 9]);
/// assert_eq!(first.steps.len(), 1);
/// let again = import(&first.tree, &file, 1_796_000_000_000, &mut || [2; 9]);
/// assert!(again.changes.is_empty());
/// # Ok::<(), selvedge_bookmarks::formats::ReadError>(())
/// ```
#[must_use]
pub fn import(tree: &Tree, outline: &Outline, now: i64, ids: &mut dyn MakeGuid) -> Import {
    let mut importer = Importer {
        urls: HashMap::new(),
        keywords: HashMap::new(),
        folders: HashMap::new(),
        import: Import {
            tree: tree.clone(),
            changes: Changes::default(),
            steps: Vec::new(),
        },
        now,
    };
    for item in tree.items().filter(|item| item.kind == Kind::Bookmark) {
        if let Some(url) = &item.url {
            importer
                .urls
                .entry(url.clone())
                .or_default()
                .push(item.id.clone());
            if let Some(keyword) = &item.keyword {
                importer.keywords.insert(keyword.clone(), url.clone());
            }
        }
    }
    // The folder of each depth.
    let mut path: Vec<Guid> = Vec::new();
    for entry in &outline.entries {
        path.truncate(entry.depth);
        let folder = path.last().cloned().unwrap_or(MENU_GUID);
        if let Some(id) = importer.entry(&folder, entry, ids) {
            path.push(id);
        }
    }
    importer.import
}

/// What matches an item of the file in a folder of the tree.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Folder(String),
    Url(String),
    Separator,
}

struct Importer {
    import: Import,
    /// The bookmarks of each URL.
    urls: HashMap<String, Vec<Guid>>,
    /// The URL of each keyword.
    keywords: HashMap<String, String>,
    /// The items of each visited folder that no item of the file was matched with yet.
    folders: HashMap<Guid, HashMap<Key, VecDeque<Guid>>>,
    now: i64,
}

impl Importer {
    /// Imports one item and returns the folder that it is.
    fn entry(&mut self, folder: &Guid, entry: &Entry, ids: &mut dyn MakeGuid) -> Option<Guid> {
        if let Some(root) = &entry.root {
            return Some(root.clone());
        }
        let title = clean_title(entry.item.title.clone());
        let key = match entry.item.kind {
            Kind::Folder | Kind::Livemark => Key::Folder(title.clone()),
            Kind::Separator => Key::Separator,
            Kind::Bookmark | Kind::Query => match entry.item.url.as_deref().and_then(clean_url) {
                Some(url) => Key::Url(url),
                None => {
                    self.import.steps.push(Step::Skipped {
                        title,
                        reason: "it has no usable URL",
                    });
                    return None;
                }
            },
        };
        let known = self
            .unmatched(folder)
            .get_mut(&key)
            .and_then(VecDeque::pop_front);
        let is_folder = matches!(key, Key::Folder(_));
        let id = match known {
            Some(id) => {
                self.update(&id, entry, &title);
                id
            }
            None => self.add(folder, entry, title, &key, ids)?,
        };
        if let Key::Url(url) = &key {
            self.join_url(url, &id, entry);
        }
        is_folder.then_some(id)
    }

    fn unmatched(&mut self, folder: &Guid) -> &mut HashMap<Key, VecDeque<Guid>> {
        let tree = &self.import.tree;
        self.folders.entry(folder.clone()).or_insert_with(|| {
            let mut unmatched: HashMap<Key, VecDeque<Guid>> = HashMap::new();
            for item in tree.children(folder) {
                let key = match item.kind {
                    Kind::Folder => Key::Folder(item.title.clone()),
                    Kind::Separator => Key::Separator,
                    Kind::Bookmark | Kind::Query => Key::Url(item.url.clone().unwrap_or_default()),
                    Kind::Livemark => continue,
                };
                unmatched.entry(key).or_default().push_back(item.id.clone());
            }
            unmatched
        })
    }

    fn add(
        &mut self,
        folder: &Guid,
        entry: &Entry,
        title: String,
        key: &Key,
        ids: &mut dyn MakeGuid,
    ) -> Option<Guid> {
        let free = |id: &Guid| !self.import.tree.contains(id) && !is_root(id);
        let kept = entry.id.clone().filter(free);
        let id = kept.or_else(|| (0..16).map(|_| ids.make_guid()).find(free))?;
        let mut item = Item::new(id.clone(), entry.item.kind, folder.clone());
        item.date_added = if entry.date_added > 0 {
            entry.date_added.min(self.now)
        } else {
            self.now
        };
        if item.kind == Kind::Livemark {
            item.kind = Kind::Folder;
        }
        if let Key::Url(url) = key {
            item.kind = if url.starts_with("place:") {
                Kind::Query
            } else {
                Kind::Bookmark
            };
            item.url = Some(url.clone());
            if item.kind == Kind::Bookmark {
                self.urls.entry(url.clone()).or_default().push(id.clone());
            }
        }
        item.description = entry
            .item
            .description
            .clone()
            .filter(|text| !text.is_empty());
        self.import.steps.push(Step::Added {
            id: id.clone(),
            folder: self.import.tree.path(folder),
            title: title.clone(),
        });
        item.title = title;
        self.import.tree.push(item);
        self.import
            .changes
            .changed
            .extend([id.clone(), folder.clone()]);
        Some(id)
    }

    /// Takes over a title, and a description where there is none.
    fn update(&mut self, id: &Guid, entry: &Entry, title: &str) {
        let Some(item) = self.import.tree.item_mut(id) else {
            return;
        };
        let before = item.clone();
        if !title.is_empty() && item.kind != Kind::Separator && item.title != title {
            title.clone_into(&mut item.title);
        }
        if item.description.is_none() {
            item.description = entry
                .item
                .description
                .clone()
                .filter(|text| !text.is_empty());
        }
        let after = (
            item.title.clone(),
            item.description.clone().unwrap_or_default(),
        );
        self.note(id, "title", before.title, after.0);
        self.note(
            id,
            "description",
            before.description.unwrap_or_default(),
            after.1,
        );
    }

    /// Adds tags to all bookmarks of a URL, and a keyword where neither the URL has one nor the keyword another URL.
    fn join_url(&mut self, url: &str, id: &Guid, entry: &Entry) {
        let Some(bookmarks) = self.urls.get(url) else {
            return;
        };
        let first = bookmarks.iter().find(|other| *other != id).unwrap_or(id);
        let Some(first) = self.import.tree.get(first) else {
            return;
        };
        let mut tags = first.tags.clone();
        for tag in clean_tags(entry.item.tags.iter().map(String::as_str)) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let mut keyword = first.keyword.clone();
        if let Some(new) = entry
            .item
            .keyword
            .as_deref()
            .and_then(clean_keyword)
            .filter(|_| keyword.is_none())
            && self.keywords.get(&new).is_none_or(|other| other == url)
        {
            self.keywords.insert(new.clone(), url.to_owned());
            keyword = Some(new);
        }
        for id in bookmarks.clone() {
            let Some(item) = self.import.tree.item_mut(&id) else {
                continue;
            };
            let before = (
                item.tags.join(","),
                item.keyword.clone().unwrap_or_default(),
            );
            item.tags.clone_from(&tags);
            item.keyword.clone_from(&keyword);
            let after = (tags.join(","), keyword.clone().unwrap_or_default());
            self.note(&id, "tags", before.0, after.0);
            self.note(&id, "keyword", before.1, after.1);
        }
    }

    /// Notes a change of an item; the values of a new one are part of its addition.
    fn note(&mut self, id: &Guid, property: &'static str, from: String, to: String) {
        if from == to {
            return;
        }
        self.import.changes.changed.insert(id.clone());
        let is_new =
            matches!(self.import.steps.last(), Some(Step::Added { id: new, .. }) if new == id);
        if !is_new {
            self.import.steps.push(Step::Changed {
                id: id.clone(),
                property,
                from,
                to,
            });
        }
    }
}
