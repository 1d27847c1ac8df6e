//! HTML as Netscape wrote it, which every browser imports and exports: folders, order, tags, keywords, descriptions, and
//! dates in seconds. A tag cannot contain a comma there.

mod read;
mod write;

pub use read::read;
pub use write::write;
