//! Walking a tree, and names of places in it ("Menu/Recipes").

use super::Tree;
use crate::ids::{Guid, MENU_GUID, MOBILE_GUID, ROOTS, TOOLBAR_GUID, UNFILED_GUID};
use crate::item::Item;

/// Walks a tree in order, each folder before its children.
///
/// ```
/// use selvedge_bookmarks::tree::Tree;
///
/// let names: Vec<_> = Tree::empty().walk().map(|(item, depth)| (item.title.clone(), depth)).collect();
/// assert_eq!(names[0], ("menu".to_owned(), 0));
/// ```
#[derive(Debug)]
pub struct Walk<'a> {
    tree: &'a Tree,
    stack: Vec<(&'a Item, usize)>,
}

impl<'a> Iterator for Walk<'a> {
    /// An item and its depth below the start.
    type Item = (&'a Item, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (item, depth) = self.stack.pop()?;
        let children = self.tree.children(&item.id).rev();
        self.stack.extend(children.map(|child| (child, depth + 1)));
        Some((item, depth))
    }
}

impl Tree {
    /// All items in order: menu, toolbar, other and mobile bookmarks.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        let roots = ROOTS.iter().rev().filter_map(|root| self.get(root));
        Walk {
            tree: self,
            stack: roots.map(|root| (root, 0)).collect(),
        }
    }

    /// An item and all below it, in order.
    #[must_use]
    pub fn walk_from(&self, id: &Guid) -> Walk<'_> {
        let start = self.get(id).map(|item| (item, 0));
        Walk {
            tree: self,
            stack: start.into_iter().collect(),
        }
    }

    /// The name of an item's place, as [`Tree::find`] reads it: `Menu/Recipes/Bread`.
    #[must_use]
    pub fn path(&self, id: &Guid) -> String {
        let mut names = Vec::new();
        let mut at = self.get(id);
        while let Some(item) = at {
            let root = ROOT_NAMES.iter().find(|(_, root, _)| *root == item.id);
            names.push(root.map_or_else(
                || item.title.replace('/', "\\/"),
                |(name, ..)| (*name).to_owned(),
            ));
            at = self.parent(&item.id);
        }
        names.reverse();
        names.join("/")
    }

    /// Finds an item by its path. The first part names a root (`Menu`, `Toolbar`, `Other`, `Mobile`, Firefox's own names
    /// or record ids), the others are titles; a `/` in a title is written `\/`.
    ///
    /// ```
    /// use selvedge_bookmarks::ids::MENU_GUID;
    /// use selvedge_bookmarks::tree::Tree;
    ///
    /// assert_eq!(Tree::empty().find("Bookmarks Menu").unwrap().id, MENU_GUID);
    /// assert!(Tree::empty().find("Menu/Recipes").is_none());
    /// ```
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Item> {
        let mut parts = split_path(path).into_iter();
        let first = parts.next()?;
        let root = ROOT_NAMES
            .iter()
            .find(|(name, _, others)| {
                name.eq_ignore_ascii_case(&first)
                    || others
                        .iter()
                        .any(|other| other.eq_ignore_ascii_case(&first))
            })
            .map(|(_, root, _)| root)?;
        parts.try_fold(self.get(root)?, |folder, title| {
            self.children(&folder.id).find(|child| child.title == title)
        })
    }
}

/// Each root's name in paths, and other names for it.
const ROOT_NAMES: [(&str, Guid, &[&str]); 4] = [
    ("Menu", MENU_GUID, &["Bookmarks Menu"]),
    ("Toolbar", TOOLBAR_GUID, &["Bookmarks Toolbar"]),
    ("Other", UNFILED_GUID, &["Other Bookmarks", "unfiled"]),
    ("Mobile", MOBILE_GUID, &["Mobile Bookmarks"]),
];

fn split_path(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = path.trim_matches('/').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'/') => {
                letters.next();
                if let Some(last) = parts.last_mut() {
                    last.push('/');
                }
            }
            '/' => parts.push(String::new()),
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    parts
}
