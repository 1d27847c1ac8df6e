//! A local edit under the rules of the collection's engine.

use alloc::string::String;
use alloc::vec::Vec;

use super::engine::{Cleartext, Engine, Merge, Validity};
#[cfg(feature = "whole-collections")]
use super::tree::{TreeEdit, TreeMerge, TreeRecord};
use super::validity::{Change, check_members};
use crate::error::{Error, Result};
use crate::host::{Store, Stored};
use crate::ids::{CollectionName, RecordId};
#[cfg(feature = "whole-collections")]
use crate::{
    host::{PageLimit, Selection},
    sorted::Map,
};

/// The records that an edit changes: what is stored of them, and their new texts.
pub(super) struct Edit {
    pub(super) ids: Vec<RecordId>,
    pub(super) found: Vec<Option<Stored>>,
    pub(super) after: Vec<Option<String>>,
}

impl Edit {
    /// Corrects the new texts, and adds the changes of other records that belong to the edit.
    ///
    /// # Errors
    /// [`Error::Input`] when the engine refuses the edit.
    #[cfg_attr(
        not(feature = "whole-collections"),
        expect(unused_variables, reason = "only whole collections read the store")
    )]
    pub(super) async fn complete<S: Store>(
        &mut self,
        store: &S,
        engine: &dyn Engine,
    ) -> Result<()> {
        let name = engine.collection();
        let records = self.ids.iter().zip(&self.found).zip(&mut self.after);
        for ((id, found), after) in records {
            let Some(json) = after.take() else { continue };
            let validity = engine.validate(&Cleartext::new(id, &json));
            // A member that a person wrote is not dropped without a word.
            if let Validity::Reupload(_) = validity {
                let before = found
                    .as_ref()
                    .and_then(|stored| stored.item.cleartext.as_deref());
                let after = Some(json.as_str());
                check_members(name, &Change { id, before, after })?;
            }
            let corrected = validity
                .corrected(json)
                .map_err(|reason| refused(name, Some(id), reason))?;
            *after = Some(corrected);
        }
        match engine.merge() {
            Merge::PerRecord(_) => Ok(()),
            #[cfg(feature = "whole-collections")]
            Merge::WholeCollection(tree) => self.complete_whole(store, name, tree).await,
        }
    }

    #[cfg(feature = "whole-collections")]
    async fn complete_whole<S: Store>(
        &mut self,
        store: &S,
        name: &CollectionName,
        tree: &dyn TreeMerge,
    ) -> Result<()> {
        let live = live(store, name).await?;
        let records: Vec<TreeRecord<'_>> = live
            .iter()
            .filter_map(|Stored { item, .. }| {
                Some(TreeRecord {
                    id: &item.id,
                    cleartext: item.cleartext.as_deref()?,
                })
            })
            .collect();
        let edits = self.ids.iter().zip(&self.after);
        let edits: Vec<TreeEdit<'_>> = edits
            .map(|(id, after)| TreeEdit {
                id,
                cleartext: after.as_deref(),
            })
            .collect();
        let more = tree
            .complete(&records, &edits)
            .map_err(|reason| refused(name, None, &reason))?;
        let places: Map<RecordId, usize> = self.ids.iter().cloned().zip(0..).collect();
        let mut stored: Map<RecordId, Stored> = live
            .into_iter()
            .map(|stored| (stored.item.id.clone(), stored))
            .collect();
        for (id, text) in more {
            if let Some(after) = places.get(&id).and_then(|at| self.after.get_mut(*at)) {
                *after = text;
                continue;
            }
            let found = match stored.remove(&id) {
                Some(found) => Some(found),
                // A deletion that waits for upload.
                None => {
                    let found = store.read(name, core::slice::from_ref(&id)).await?;
                    found.into_iter().next().flatten()
                }
            };
            self.ids.push(id);
            self.found.push(found);
            self.after.push(text);
        }
        Ok(())
    }
}

fn refused(collection: &CollectionName, id: Option<&RecordId>, reason: &str) -> Error {
    let what = id.map_or_else(String::new, |id| alloc::format!(" of record {id}"));
    Error::Input(alloc::format!(
        "this change{what} would break the collection {collection}: {reason}"
    ))
}

#[cfg(feature = "whole-collections")]
async fn live<S: Store>(store: &S, name: &CollectionName) -> Result<Vec<Stored>> {
    let mut live: Vec<Stored> = Vec::new();
    loop {
        let after = live.last().map(|stored| &stored.item.id);
        let page = store
            .page(name, Selection::Live, after, PageLimit::default())
            .await?;
        if page.is_empty() {
            return Ok(live);
        }
        live.extend(page);
    }
}
