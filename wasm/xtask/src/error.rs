//! The errors of `cargo xtask`.

use std::io;
use std::path::PathBuf;

/// Why a command of `cargo xtask` failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{program} could not be started: {source}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{0} failed: see its output above")]
    Program(String),
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cargo's output is not the expected JSON: {0}")]
    Metadata(#[from] serde_json::Error),
    #[error("cargo did not build the {0}")]
    NotBuilt(&'static str),
    #[error("the JavaScript for the module could not be generated: {0}")]
    Glue(String),
    #[error(
        "the module has {module} bytes with gzip; the limit is {limit}. See the list above for the crate that has grown"
    )]
    TooLarge { module: usize, limit: usize },
    #[error("the schema of Santa's messages is invalid: {0}")]
    Schema(String),
    #[error("{0}")]
    Tests(String),
}

impl Error {
    /// An error of the file system, with the path.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
