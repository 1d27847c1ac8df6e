//! Bookmarks of one URL that are several times in one folder.

use std::collections::HashMap;

use super::Tree;
use crate::ids::Guid;

/// Bookmarks of one URL in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicates {
    /// The folder.
    pub folder: Guid,
    /// The URL.
    pub url: String,
    /// The bookmark to keep: the oldest, the first of equally old ones.
    pub keep: Guid,
    /// The others, in the folder's order.
    pub others: Vec<Guid>,
}

impl Tree {
    /// Finds bookmarks that are in a folder more than once, in the tree's order.
    ///
    /// ```
    /// use selvedge_bookmarks::ids::MENU_GUID;
    /// use selvedge_bookmarks::tree::{NewItem, Tree};
    ///
    /// let (mut tree, mut counter) = (Tree::empty(), 0_u8);
    /// let mut source = || { counter += 1; [counter; 9] };
    /// for now in [20, 10] {
    ///     let page = NewItem::bookmark("Example", "https://example.org/");
    ///     tree.add(&MENU_GUID, None, page, now, &mut source)?;
    /// }
    /// let found = tree.duplicates();
    /// assert_eq!(tree.get(&found[0].keep).unwrap().date_added, 10);
    /// # Ok::<(), selvedge_bookmarks::tree::EditError>(())
    /// ```
    #[must_use]
    pub fn duplicates(&self) -> Vec<Duplicates> {
        let mut found = Vec::new();
        for (folder, _) in self.walk().filter(|(item, _)| item.is_folder()) {
            let mut by_url: HashMap<&str, Vec<&crate::item::Item>> = HashMap::new();
            for child in self.children(&folder.id).filter(|child| child.has_url()) {
                if let Some(url) = &child.url {
                    by_url.entry(url).or_default().push(child);
                }
            }
            let mut groups: Vec<_> = by_url
                .into_iter()
                .filter(|(_, same)| same.len() > 1)
                .collect();
            groups.sort_unstable_by_key(|(url, _)| *url);
            for (url, same) in groups {
                let Some(keep) = same.iter().min_by_key(|item| item.date_added) else {
                    continue;
                };
                let others = same.iter().filter(|item| item.id != keep.id);
                found.push(Duplicates {
                    folder: folder.id.clone(),
                    url: url.to_owned(),
                    keep: keep.id.clone(),
                    others: others.map(|item| item.id.clone()).collect(),
                });
            }
        }
        found
    }
}
