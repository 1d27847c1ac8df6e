//! A clock that a test sets while a program runs, with libfaketime.

use std::path::{Path, PathBuf};

use crate::Run;

/// The path of the library in Debian, below `/usr/lib/TRIPLE`.
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The clock of a program that is started with it.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    /// Whether only the wall clock is set, and the monotonic clock is unchanged.
    is_of_the_wall: bool,
}

impl FakeClock {
    /// Sets only the wall clock, as a user does. Prints a line and returns `None` if the library is missing.
    #[must_use]
    pub fn of_the_wall(dir: &Path) -> Option<Self> {
        Self::in_dir(dir, true)
    }

    /// Sets all clocks, as after a suspend of the machine. Prints a line and returns `None` if the library is missing.
    #[must_use]
    pub fn of_everything(dir: &Path) -> Option<Self> {
        Self::in_dir(dir, false)
    }

    fn in_dir(dir: &Path, is_of_the_wall: bool) -> Option<Self> {
        let Some(library) = library() else {
            crate::skipped("libfaketime");
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
    /// If a path is not UTF-8.
    #[must_use]
    pub fn given_to(&self, run: Run) -> Run {
        let run = run
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1");
        if self.is_of_the_wall {
            run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        } else {
            run
        }
    }

    /// Sets the offset to the real time: `+3h`, `-30d`, `+600`.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn set(&self, by: &str) {
        // Replaced atomically: a partly written file would be another time.
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
