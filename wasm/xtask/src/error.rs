//! Why the package is not built, or not right.

use std::io;
use std::path::PathBuf;

/// Why a command of `cargo xtask` ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{program} does not start: {source}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{0} says that something is wrong")]
    Program(String),
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("what cargo tells of itself cannot be read: {0}")]
    Metadata(#[from] serde_json::Error),
    #[error("cargo built no {0}")]
    NotBuilt(&'static str),
    #[error("the JavaScript around the module is not made: {0}")]
    Glue(String),
    #[error(
        "the module weighs {module} bytes with gzip, more than {most}: see which part has grown"
    )]
    TooLarge { module: usize, most: usize },
    #[error("the schema of the messages is not right: {0}")]
    Schema(String),
    #[error("{0}")]
    Tests(String),
}

impl Error {
    /// An error of the file system, with the path that it is about.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
