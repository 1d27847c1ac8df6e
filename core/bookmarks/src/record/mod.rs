//! Records of the collection `bookmarks`: reading what other clients wrote, and writing what Firefox expects
//! (collections.md §2.1, collections.md §2.3).

mod members;
mod read;
mod write;

pub use members::{
    EARLIEST_DATE, MAX_TAG_LENGTH, MAX_TITLE_LENGTH, MAX_URL_LENGTH, clean_keyword, clean_tags,
    clean_title, clean_url,
};
pub use read::{Reading, Received, Refusal, read};
pub use write::{sort_index, tombstone, write, write_text};
