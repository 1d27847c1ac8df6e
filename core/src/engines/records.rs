//! The records of one collection on this device, as the user reads and edits them; the next sync uploads the changes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use super::edit::Edit;
use super::engine::{Engine, key_of};
use super::validity::{self, Change};
use crate::crypto::payload::check_cleartext;
use crate::error::{Error, Result};
use crate::host::{
    Base, Clock, Commit, Committed, Item, PageLimit, Part, Pending, Random, Selection, Store,
    Stored, Write,
};
use crate::ids::{CollectionName, Guid, RecordId};
use crate::journal::{self, Cause, Entry};
use crate::json::{self, push_text};
use crate::reconcile::{Fields, Side, has_same_content};
use crate::time::ServerTime;

/// One collection of this device's store.
///
/// ```
/// use selvedge_core::engines::Records;
/// use selvedge_core::host::{Clock, MemoryStore, Random, RandomError};
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::time::LocalTime;
///
/// struct Host;
/// impl Clock for Host {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(1_700_000_000_000) }
/// }
/// impl Random for Host {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(7); Ok(()) }
/// }
///
/// let store = MemoryStore::default();
/// let notes = Records::new(&store, &Host, &Host, CollectionName::new("notes").unwrap());
/// let id = pollster::block_on(notes.put(None, r#"{"title":"milk"}"#))?;
/// pollster::block_on(notes.edit(&id, r#"{"done":true}"#))?;
/// let text = pollster::block_on(notes.get(&id))?.unwrap();
/// assert_eq!(text, format!(r#"{{"id":"{id}","title":"milk","done":true}}"#));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Records<'a, S, C, R> {
    store: &'a S,
    clock: &'a C,
    random: &'a R,
    collection: CollectionName,
    engine: Option<&'a dyn Engine>,
}

impl<'a, S: Store, C: Clock, R: Random> Records<'a, S, C, R> {
    /// The records of `collection` in `store`.
    pub fn new(store: &'a S, clock: &'a C, random: &'a R, collection: CollectionName) -> Self {
        Self {
            store,
            clock,
            random,
            collection,
            engine: None,
        }
    }

    /// The same records under the rules of their engine: an edit that would break the collection is completed or
    /// refused.
    #[must_use]
    pub const fn with_engine(mut self, engine: &'a dyn Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// The JSON object with an id, or `None`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, id: &RecordId) -> Result<Option<String>> {
        Ok(self
            .read(id)
            .await?
            .and_then(|stored| stored.item.cleartext))
    }

    /// Records sorted by id, starting with the first one after `after`. The result is empty only at the end.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page(&self, after: Option<&RecordId>, limit: PageLimit) -> Result<Vec<Stored>> {
        Ok(self
            .store
            .page(&self.collection, Selection::Live, after, limit)
            .await?)
    }

    /// Puts a whole record with the id `id`, or the object's own `id`, or a new one; returns the id.
    ///
    /// # Errors
    /// [`Error::Input`] when the text is not a JSON object, has another id, or is marked as deleted.
    pub async fn put(&self, id: Option<RecordId>, json: &str) -> Result<RecordId> {
        let (id, cleartext) = self.checked(id, json)?;
        self.change(core::slice::from_ref(&id), None, |_, current| {
            check_surrogates(current, &cleartext)?;
            Ok(Some(cleartext.clone()))
        })
        .await?;
        Ok(id)
    }

    /// Puts a whole record and writes the replaced value to the journal.
    pub(crate) async fn replace(&self, id: &RecordId, json: &str, cause: Cause) -> Result<()> {
        let (id, cleartext) = self.checked(Some(id.clone()), json)?;
        let new = |_, _: Option<&str>| Ok(Some(cleartext.clone()));
        self.change(core::slice::from_ref(&id), Some(cause), new)
            .await
    }

    /// Puts many records in one commit, which is much faster than one by one. If one record is rejected, none is put.
    ///
    /// # Errors
    /// As [`Records::put`]; two records with the same id are rejected too.
    pub async fn put_many(&self, records: &[(Option<RecordId>, &str)]) -> Result<Vec<RecordId>> {
        let checked = records
            .iter()
            .map(|(id, json)| self.checked(id.clone(), json))
            .collect::<Result<Vec<_>>>()?;
        let ids: Vec<RecordId> = checked.iter().map(|(id, _)| id.clone()).collect();
        let mut sorted: Vec<&RecordId> = ids.iter().collect();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[a, b]| a == b) {
            return Err(Error::Input(alloc::format!(
                "two of the records have the id {twice}: use a different id for each"
            )));
        }
        self.change(&ids, None, |at, current| {
            let cleartext = checked.get(at).map(|(_, cleartext)| cleartext.clone());
            if let Some(cleartext) = &cleartext {
                check_surrogates(current, cleartext)?;
            }
            Ok(cleartext)
        })
        .await?;
        Ok(ids)
    }

    /// Changes fields of a record: sets those of `patch`, and removes those that are `null` in `patch`.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`]; [`Error::Input`] as with [`Records::put`].
    pub async fn edit(&self, id: &RecordId, patch: &str) -> Result<()> {
        let patch = parse(patch)?;
        self.change(core::slice::from_ref(id), None, |_, current| {
            let current = current.ok_or_else(|| Error::NoSuchRecord { id: id.clone() })?;
            let patched = Fields::parse(current)
                .map_err(not_an_object)?
                .patched(&patch);
            check_surrogates(Some(current), &patched)?;
            Ok(Some(self.checked(Some(id.clone()), &patched)?.1))
        })
        .await
    }

    /// Deletes a record; the next sync uploads the deletion.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`].
    pub async fn delete(&self, id: &RecordId) -> Result<()> {
        self.delete_many(core::slice::from_ref(id)).await
    }

    /// Deletes many records in one commit. If one of them does not exist, none is deleted.
    ///
    /// # Errors
    /// As [`Records::delete`].
    pub async fn delete_many(&self, ids: &[RecordId]) -> Result<()> {
        let mut once = ids.to_vec();
        once.sort_unstable();
        once.dedup();
        self.change(&once, None, |at, current| match (current, once.get(at)) {
            (None, Some(id)) => Err(Error::NoSuchRecord { id: id.clone() }),
            _ => Ok(None),
        })
        .await
    }

    /// Puts a whole record, or deletes it if `new` is `None`, only if its text is still `seen` (`None`: no record);
    /// returns whether it did. The fields named in `unchanged` keep exactly the text that they have in `seen`.
    ///
    /// # Errors
    /// [`Error::Input`] as with [`Records::put`].
    pub async fn change_seen(
        &self,
        id: &RecordId,
        seen: Option<&str>,
        new: Option<&str>,
        unchanged: &[String],
    ) -> Result<bool> {
        let becomes = match new {
            None => None,
            Some(new) => {
                let old = parse(seen.unwrap_or("{}"))?;
                let new = parse(new)?.with_fields_of(&old, unchanged);
                Some(self.checked(Some(id.clone()), &new)?.1)
            }
        };
        if seen.is_none() && becomes.is_none() {
            return Ok(self.get(id).await?.is_none());
        }
        let is_other = Cell::new(false);
        let change = |_, current: Option<&str>| {
            is_other.set(current != seen);
            if is_other.get() {
                return Err(Error::NoSuchRecord { id: id.clone() });
            }
            if let Some(becomes) = &becomes {
                check_surrogates(current, becomes)?;
            }
            Ok(becomes.clone())
        };
        match self.change(core::slice::from_ref(id), None, change).await {
            Err(Error::NoSuchRecord { .. }) if is_other.get() => Ok(false),
            done => done.map(|()| true),
        }
    }

    async fn read(&self, id: &RecordId) -> Result<Option<Stored>> {
        Ok(self
            .store
            .read(&self.collection, core::slice::from_ref(id))
            .await?
            .into_iter()
            .next()
            .flatten())
    }

    /// Calls `new` with each index in `ids` and the stored record, and writes the results in one commit. If there is a
    /// `cause`, the replaced values are written to the journal.
    async fn change(
        &self,
        ids: &[RecordId],
        cause: Option<Cause>,
        new: impl Fn(usize, Option<&str>) -> Result<Option<String>>,
    ) -> Result<()> {
        loop {
            let found = self.store.read(&self.collection, ids).await?;
            let current = |stored: &'_ Option<Stored>| {
                let stored = stored.as_ref()?;
                stored.item.cleartext.clone()
            };
            let before: Vec<Option<String>> = found.iter().map(current).collect();
            let after = before.iter().enumerate();
            let after = after
                .map(|(at, text)| new(at, text.as_deref()))
                .collect::<Result<Vec<_>>>()?;
            let mut edit = Edit {
                ids: ids.to_vec(),
                found,
                after,
            };
            if let Some(engine) = self.engine {
                edit.complete(self.store, engine).await?;
            }
            let Edit { ids, found, after } = edit;
            let before: Vec<Option<String>> = found.iter().map(current).collect();
            let changes = ids.iter().zip(before.iter().zip(&after));
            let changes: Vec<Change<'_>> = changes
                .map(|(id, (before, after))| Change {
                    id,
                    before: before.as_deref(),
                    after: after.as_deref(),
                })
                .collect();
            validity::check(self.store, &self.collection, &changes).await?;
            let mut entries = Vec::new();
            if let Some(cause) = cause {
                let replaced = changes
                    .iter()
                    .filter(|change| change.before != change.after);
                entries.extend(replaced.filter_map(|change| {
                    Some(Entry {
                        collection: self.collection.clone(),
                        id: change.id.clone(),
                        at: self.clock.now(),
                        cause,
                        side: Side::Ours,
                        cleartext: change.before?.into(),
                    })
                }));
            }
            let writes = ids.iter().zip(found).zip(after);
            let writes = writes
                .filter_map(|((id, found), cleartext)| self.write(id, found, cleartext))
                .collect();
            let part = Part {
                writes,
                ..Part::new(self.collection.clone())
            };
            let journal = journal::part(self.store, &entries).await?;
            let commit = Commit {
                parts: core::iter::once(part).chain(journal).collect(),
                global: None,
            };
            if self.store.commit(commit).await? == Committed::Done {
                return Ok(());
            }
        }
    }

    /// The write that changes the stored record to `cleartext`; `None` if the content is already the same.
    fn write(
        &self,
        id: &RecordId,
        found: Option<Stored>,
        cleartext: Option<String>,
    ) -> Option<Write> {
        let seen = found.as_ref().map(|stored| stored.revision);
        let (base, sent, server_modified) = match found.map(|stored| stored.item) {
            None => (Base::Unknown, Base::Unknown, ServerTime::ZERO),
            Some(Item {
                cleartext: Some(current),
                base,
                sent,
                server_modified,
                ..
            }) => {
                if cleartext
                    .as_ref()
                    .is_some_and(|new| has_same_content(new, &current))
                {
                    return None;
                }
                let sent = match sent {
                    Base::Same => Base::Content(current.clone()),
                    sent => sent,
                };
                let base = match base {
                    Base::Same => Base::Content(current),
                    // After a reset the server's version is unknown: use the local content as the base of the deletion.
                    Base::Unknown if cleartext.is_none() => Base::Content(current),
                    base => base,
                };
                (base, sent, server_modified)
            }
            Some(Item {
                base,
                sent,
                server_modified,
                ..
            }) => {
                // A deletion that was sent: its tombstone needs no stored version.
                let sent = match sent {
                    Base::Same => Base::Unknown,
                    sent => sent,
                };
                (base, sent, server_modified)
            }
        };
        let pending = Pending::Edit {
            at: self.clock.now(),
        };
        let key = cleartext
            .as_deref()
            .and_then(|json| key_of(self.engine?, id, json));
        let becomes = Some(Item {
            id: id.clone(),
            cleartext,
            base,
            sent,
            server_modified,
            pending,
            key,
        });
        Some(Write {
            id: id.clone(),
            seen,
            becomes,
        })
    }

    fn checked(&self, id: Option<RecordId>, json: &str) -> Result<(RecordId, String)> {
        let fields = parse(json)?;
        let inner = fields.get("id").map(|text| {
            json::from_str::<RecordId>(text).map_err(|_| {
                Error::Input(
                    "the record's own id must be a string of 1 to 64 printable ASCII characters"
                        .into(),
                )
            })
        });
        let inner = inner.transpose()?;
        if let (Some(id), Some(inner)) = (&id, &inner)
            && id != inner
        {
            return Err(Error::Input(alloc::format!(
                "the record contains the id {inner}, not {id}: make them equal"
            )));
        }
        if fields.is_tombstone() {
            return Err(Error::Input(
                "the field name deleted is reserved for deletions: delete the record, or rename the field"
                    .into(),
            ));
        }
        let (id, cleartext) = match (id, inner) {
            (_, Some(inner)) => (inner, json.to_string()),
            (id, None) => {
                let id = match id {
                    Some(id) => id,
                    None => Guid::make(self.random)?.into(),
                };
                let mut quoted = String::new();
                push_text(&mut quoted, id.as_str());
                (id, fields.with("id", &quoted))
            }
        };
        // The same check that other devices apply after decryption.
        check_cleartext(cleartext.as_bytes(), id.as_str())
            .map_err(|error| Error::Input(error.to_string()))?;
        Ok((id, cleartext))
    }
}

/// Rejects an unpaired surrogate that is not already in the record.
fn check_surrogates(current: Option<&str>, new: &str) -> Result<()> {
    let earlier = current.and_then(|current| Fields::parse(current).ok());
    match parse(new)?.new_unpaired_surrogate(earlier.as_ref()) {
        None => Ok(()),
        Some(name) => Err(Error::Input(alloc::format!(
            "the field {name:?} contains an unpaired surrogate (an escape such as \\ud83d alone): use complete characters"
        ))),
    }
}

fn parse(json: &str) -> Result<Fields<'_>> {
    Fields::parse(json).map_err(not_an_object)
}

fn not_an_object(_: crate::reconcile::NotAnObject) -> Error {
    Error::Input("a record must be a JSON object, like {\"title\": \"milk\"}".into())
}

#[cfg(test)]
mod tests;
