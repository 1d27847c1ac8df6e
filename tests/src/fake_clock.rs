//! A clock that a test sets while a program runs: libfaketime lies to the program about the time.

use std::path::{Path, PathBuf};

use crate::Run;

/// Where Debian keeps the library.
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The clock of a program that is started with it.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    /// Whether only the clock on the wall is set, and what counts from the machine's start goes on.
    is_of_the_wall: bool,
}

impl FakeClock {
    /// The clock on the wall alone, as somebody sets it. `None`, and a line that says so, where the library is missing.
    #[must_use]
    pub fn of_the_wall(dir: &Path) -> Option<Self> {
        Self::in_dir(dir, true)
    }

    /// All clocks, as after a machine has slept. `None`, and a line that says so, where the library is missing.
    #[must_use]
    pub fn of_everything(dir: &Path) -> Option<Self> {
        Self::in_dir(dir, false)
    }

    fn in_dir(dir: &Path, is_of_the_wall: bool) -> Option<Self> {
        let Some(library) = library() else {
            eprintln!("skipped: there is no libfaketime to set the clock with");
            return None;
        };
        let clock = Self {
            library,
            file: dir.join("clock"),
            is_of_the_wall,
        };
        clock.set("+0");
        Some(clock)
    }

    /// The program, with this clock.
    ///
    /// # Panics
    /// When a path is no text.
    #[must_use]
    pub fn given_to(&self, run: Run) -> Run {
        let run = run
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1");
        match self.is_of_the_wall {
            true => run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            false => run,
        }
    }

    /// Sets it to the true time and so much: `+3h`, `-30d`, `+600`.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn set(&self, by: &str) {
        // A file that is half written would be another time.
        let new = self.file.with_extension("new");
        std::fs::write(&new, by).expect("a file can be written");
        std::fs::rename(new, &self.file).expect("a file can be moved");
    }
}

fn library() -> Option<PathBuf> {
    let directories = std::fs::read_dir("/usr/lib").ok()?;
    directories
        .filter_map(Result::ok)
        .map(|directory| directory.path().join(LIBRARY))
        .find(|path| path.is_file())
}
