//! Edits that keep the tree complete, and what each of them changes (collections.md §2.2).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::{Changes, Edit, EditError, MAX_DEPTH, NewItem, Tree};
use crate::ids::{Guid, MakeGuid, is_root, to_record_id};
use crate::item::{Item, Kind};
use crate::record::{clean_keyword, clean_tags, clean_title, clean_url};

type Edited = Result<Changes, EditError>;

impl Tree {
    /// Adds an item to a folder, at its end or before the child with the index `position`. The new item is the one of
    /// [`Changes::changed`] that did not exist; [`Tree::add_returning`] also returns its id.
    ///
    /// # Errors
    /// An [`EditError`] that says what to write instead; the tree is then unchanged, as after each refused edit.
    pub fn add(
        &mut self,
        folder: &Guid,
        position: Option<usize>,
        new: NewItem,
        now: i64,
        ids: &mut dyn MakeGuid,
    ) -> Edited {
        self.add_returning(folder, position, new, now, ids)
            .map(|(_, changes)| changes)
    }

    /// Adds an item like [`Tree::add`] and returns its id as well.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn add_returning(
        &mut self,
        folder: &Guid,
        position: Option<usize>,
        new: NewItem,
        now: i64,
        ids: &mut dyn MakeGuid,
    ) -> Result<(Guid, Changes), EditError> {
        self.folder(folder)?;
        if new.kind == Kind::Folder && self.depth(folder) + 1 >= MAX_DEPTH {
            return Err(EditError::TooDeep);
        }
        let id = (0..16)
            .map(|_| ids.make_guid())
            .find(|id| !self.contains(id) && !is_root(id));
        let id = id.ok_or(EditError::NoId)?;
        let mut item = Item::new(id.clone(), new.kind, folder.clone());
        item.date_added = now;
        if new.kind != Kind::Separator {
            item.title = clean_title(new.title);
        }
        item.description = new.description.filter(|text| !text.is_empty());
        let mut changes = Changes::default();
        if matches!(new.kind, Kind::Bookmark | Kind::Query) {
            let url = usable_url(&new.url.unwrap_or_default())?;
            item.kind = kind_of(&url);
            item.url = Some(url);
        } else if new.url.is_some() {
            return Err(EditError::NotThere {
                kind: new.kind.as_str(),
                property: "URL",
            });
        }
        self.items.insert(id.clone(), Arc::new(item));
        self.insert_child(folder, position, &id);
        changes.changed.extend([id.clone(), folder.clone()]);
        let tags = clean_tags(new.tags.iter().map(String::as_str));
        let keyword = new.keyword.as_deref().and_then(clean_keyword);
        self.join_url(
            &id,
            (!tags.is_empty()).then_some(tags),
            keyword.map(Some),
            &mut changes,
        );
        Ok((id, changes))
    }

    /// Moves an item into a folder, at its end or before the child that has the index `position` when the item itself is
    /// not counted.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn move_to(&mut self, id: &Guid, folder: &Guid, position: Option<usize>) -> Edited {
        let old = self.ordinary(id)?.parent.clone();
        self.folder(folder)?;
        let mut above = Some(folder.clone());
        while let Some(at) = above {
            if at == *id {
                return Err(EditError::IntoItself(to_record_id(id).to_owned()));
            }
            above = self.get(&at).and_then(|item| item.parent.clone());
        }
        if self.depth(folder) + self.height(id) >= MAX_DEPTH {
            return Err(EditError::TooDeep);
        }
        let before = self.get(folder).map(|folder| folder.children.clone());
        if let Some(old) = old.as_ref().and_then(|old| self.item_mut(old)) {
            old.children.retain(|child| child != id);
        }
        self.insert_child(folder, position, id);
        let mut changes = Changes::default();
        if old.as_ref() == Some(folder) {
            if self.get(folder).map(|folder| &folder.children) != before.as_ref() {
                changes.changed.insert(folder.clone());
            }
            return Ok(changes);
        }
        if let Some(item) = self.item_mut(id) {
            item.parent = Some(folder.clone());
        }
        changes.changed.extend([id.clone(), folder.clone()]);
        changes.changed.extend(old);
        Ok(changes)
    }

    /// Puts a folder's children into a new order.
    ///
    /// # Errors
    /// [`EditError::IncompleteOrder`] unless the order names each child once.
    pub fn reorder(&mut self, folder: &Guid, order: &[Guid]) -> Edited {
        let children = &self.folder(folder)?.children;
        let named: HashSet<&Guid> = order.iter().collect();
        let complete = named.len() == order.len()
            && order.len() == children.len()
            && children.iter().all(|child| named.contains(child));
        if !complete {
            return Err(EditError::IncompleteOrder(children.len()));
        }
        let mut changes = Changes::default();
        if children.as_slice() != order {
            changes.changed.insert(folder.clone());
            if let Some(folder) = self.item_mut(folder) {
                folder.children = order.to_vec();
            }
        }
        Ok(changes)
    }

    /// Gives an item a new title.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn rename(&mut self, id: &Guid, title: &str) -> Edited {
        self.edit(
            id,
            Edit {
                title: Some(title.to_owned()),
                ..Edit::default()
            },
        )
    }

    /// Changes the values of an item. Tags and keyword belong to the URL, so every bookmark with that URL changes too.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn edit(&mut self, id: &Guid, edit: Edit) -> Edited {
        let item = self.ordinary(id)?;
        let missing = |property| EditError::NotThere {
            kind: item.kind.as_str(),
            property,
        };
        if item.kind == Kind::Separator && edit.title.is_some() {
            return Err(missing("title"));
        }
        if !item.has_url() {
            let given = [
                (edit.url.is_some(), "URL"),
                (edit.tags.is_some(), "tags"),
                (edit.keyword.is_some(), "keyword"),
            ];
            if let Some((_, property)) = given.into_iter().find(|(given, _)| *given) {
                return Err(missing(property));
            }
        }
        let url = edit.url.as_deref().map(usable_url).transpose()?;
        let becomes_query = url
            .as_deref()
            .or(item.url.as_deref())
            .is_some_and(|url| kind_of(url) == Kind::Query);
        if becomes_query && (edit.tags.is_some() || edit.keyword.is_some()) {
            return Err(EditError::NotThere {
                kind: "query",
                property: "tags or keyword",
            });
        }
        let Some(item) = self.item_mut(id) else {
            return Err(EditError::NoSuchItem(to_record_id(id).to_owned()));
        };
        let before = item.clone();
        if let Some(title) = edit.title {
            item.title = clean_title(title);
        }
        if let Some(description) = edit.description {
            item.description = (!description.is_empty()).then_some(description);
        }
        let mut tags = edit
            .tags
            .map(|tags| clean_tags(tags.iter().map(String::as_str)));
        let mut keyword = edit.keyword.as_deref().map(clean_keyword);
        let mut moved = false;
        if let Some(url) = url.filter(|url| Some(url) != before.url.as_ref()) {
            item.kind = kind_of(&url);
            item.url = Some(url);
            moved = true;
            if item.kind == Kind::Query {
                item.tags.clear();
                item.keyword = None;
            } else {
                // The tags and keyword go along, unless the new URL has its own.
                tags = tags.or_else(|| (!before.tags.is_empty()).then(|| before.tags.clone()));
                keyword = keyword.or_else(|| before.keyword.clone().map(Some));
            }
        }
        let mut changes = Changes::default();
        if self.get(id).is_some_and(|item| !item.same_value(&before)) {
            changes.changed.insert(id.clone());
        }
        if moved || tags.is_some() || keyword.is_some() {
            self.join_url(id, tags, keyword, &mut changes);
        }
        Ok(changes)
    }

    /// Deletes an item and everything in it.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn delete(&mut self, id: &Guid) -> Edited {
        let parent = self.ordinary(id)?.parent.clone();
        let below: BTreeSet<Guid> = self
            .walk_from(id)
            .map(|(item, _)| item.id.clone())
            .collect();
        for gone in &below {
            self.items.remove(gone);
        }
        let mut changes = Changes {
            changed: BTreeSet::new(),
            deleted: below,
        };
        if let Some(parent) = parent.and_then(|parent| self.item_mut(&parent)) {
            parent.children.retain(|child| child != id);
            changes.changed.insert(parent.id.clone());
        }
        Ok(changes)
    }

    /// Gives all bookmarks of an item's URL the same tags and keyword: the given ones, else those that the URL has.
    fn join_url(
        &mut self,
        id: &Guid,
        tags: Option<Vec<String>>,
        keyword: Option<Option<String>>,
        changes: &mut Changes,
    ) {
        let Some(item) = self.get(id).filter(|item| item.kind == Kind::Bookmark) else {
            return;
        };
        let Some(url) = item.url.clone() else { return };
        let other = self
            .items
            .values()
            .filter(|other| {
                other.id != *id && other.kind == Kind::Bookmark && other.url.as_ref() == Some(&url)
            })
            .min_by(|a, b| a.id.cmp(&b.id));
        let tags = tags
            .or_else(|| other.map(|other| other.tags.clone()))
            .unwrap_or_else(|| item.tags.clone());
        let keyword = keyword
            .or_else(|| other.map(|other| other.keyword.clone()))
            .unwrap_or_else(|| item.keyword.clone());
        for item in self
            .items
            .values_mut()
            .filter(|item| item.kind == Kind::Bookmark)
        {
            if item.url.as_ref() == Some(&url) {
                if item.tags != tags || item.keyword != keyword {
                    let item = Arc::make_mut(item);
                    item.tags.clone_from(&tags);
                    item.keyword.clone_from(&keyword);
                    changes.changed.insert(item.id.clone());
                }
            } else if keyword.is_some() && item.keyword == keyword {
                // A keyword belongs to one URL.
                Arc::make_mut(item).keyword = None;
                changes.changed.insert(item.id.clone());
            }
        }
    }

    fn insert_child(&mut self, folder: &Guid, position: Option<usize>, id: &Guid) {
        if let Some(folder) = self.item_mut(folder) {
            let end = folder.children.len();
            folder
                .children
                .insert(position.unwrap_or(end).min(end), id.clone());
        }
    }

    fn folder(&self, id: &Guid) -> Result<&Item, EditError> {
        let item = self
            .get(id)
            .ok_or_else(|| EditError::NoSuchItem(to_record_id(id).to_owned()))?;
        if item.is_folder() {
            Ok(item)
        } else {
            Err(EditError::NotAFolder(self.path(id)))
        }
    }

    /// An item that may be changed: not a root.
    fn ordinary(&self, id: &Guid) -> Result<&Item, EditError> {
        if is_root(id) {
            return Err(EditError::Root(self.path(id)));
        }
        self.get(id)
            .ok_or_else(|| EditError::NoSuchItem(to_record_id(id).to_owned()))
    }

    fn depth(&self, id: &Guid) -> usize {
        std::iter::successors(self.parent(id), |folder| self.parent(&folder.id)).count()
    }

    fn height(&self, id: &Guid) -> usize {
        self.walk_from(id)
            .map(|(_, depth)| depth + 1)
            .max()
            .unwrap_or(0)
    }
}

fn usable_url(url: &str) -> Result<String, EditError> {
    clean_url(url).ok_or_else(|| EditError::InvalidUrl(url.chars().take(200).collect()))
}

/// Only the URL decides between bookmark and query.
fn kind_of(url: &str) -> Kind {
    if url.starts_with("place:") {
        Kind::Query
    } else {
        Kind::Bookmark
    }
}
