//! The store keeps every promise of the trait, in memory and in a file; and what only a file can promise.

mod cases;
mod file;
mod staging;

macro_rules! make {
    ($($case:ident,)*) => {
        mod in_memory {
            $(#[test] fn $case() {
                let store = selvedge_host::SqliteStore::in_memory().unwrap();
                pollster::block_on(crate::store_conformance::cases::play(stringify!($case), &store));
            })*
        }
        mod in_a_file {
            $(#[test] fn $case() {
                let dir = tempfile::tempdir().unwrap();
                let store = selvedge_host::SqliteStore::open(&dir.path().join("store.sqlite")).unwrap();
                pollster::block_on(crate::store_conformance::cases::play(stringify!($case), &store));
            })*
        }
        #[test]
        fn every_case_is_played() {
            assert_eq!(crate::store_conformance::cases::names(), [$(stringify!($case)),*]);
        }
        /// The store of the core itself, which other tests trust.
        mod of_the_core {
            $(#[test] fn $case() {
                pollster::block_on(crate::store_conformance::cases::play(stringify!($case), &selvedge_core::host::MemoryStore::default()));
            })*
        }
    };
}

crate::every_store_case!(make);
