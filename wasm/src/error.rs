//! Errors as JavaScript sees them.

use js_sys::Reflect;
use selvedge_core::crypto::InvalidKey;
use selvedge_core::crypto::payload::PayloadError;
use selvedge_core::time::LocalTime;
use wasm_bindgen::JsValue;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the core.
    #[error(transparent)]
    Core(#[from] selvedge_core::error::Error),
    /// A record cannot be decrypted.
    #[error(transparent)]
    Record(#[from] PayloadError),
    /// A key is invalid.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A body that is not a list of records, or is incomplete.
    #[error("the server's list of records is invalid or incomplete: request it again")]
    Body,
    /// The client was closed.
    #[error("this client was closed: open another one")]
    Closed,
    /// An argument is invalid.
    #[error("{message}")]
    Input {
        /// The problem and the remedy; never the value itself.
        message: &'static str,
        /// What JavaScript threw when it read the value.
        cause: Option<JsValue>,
    },
}

impl Error {
    pub(crate) const fn input(message: &'static str) -> Self {
        Self::Input {
            message,
            cause: None,
        }
    }

    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Core(error) => error.code(),
            Self::Record(PayloadError::HmacMismatch) => "hmac-mismatch",
            Self::Record(PayloadError::MalformedPayload) => "malformed-payload",
            Self::Record(PayloadError::MalformedCleartext) => "malformed-cleartext",
            Self::Record(PayloadError::IdMismatch) => "id-mismatch",
            Self::Record(PayloadError::TooDeep) => "too-deep",
            Self::Record(_) => "record",
            Self::Key(_) => "invalid-key",
            Self::Body => "answer",
            Self::Closed => "closed",
            Self::Input { .. } => "input",
        }
    }

    const fn retry_after(&self) -> Option<LocalTime> {
        match self {
            Self::Core(selvedge_core::error::Error::Wait { until, .. }) => *until,
            _ => None,
        }
    }
}

macro_rules! from_core_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Core(error.into())
            }
        }
    )*};
}

from_core_errors!(
    selvedge_core::account::JoinCodeError,
    selvedge_core::host::RandomError,
    selvedge_core::host::StoreError
);

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let thrown = js_sys::Error::new(&error.to_string());
        thrown.set_name("SelvedgeError");
        // Setting a property of a fresh error cannot fail.
        let set = |key: &str, value: &JsValue| drop(Reflect::set(&thrown, &key.into(), value));
        set("code", &error.code().into());
        if let Some(time) = error.retry_after() {
            // Exact until the year 287396.
            set("retryAfter", &(time.millis() as f64).into());
        }
        if let Error::Input {
            cause: Some(cause), ..
        } = &error
        {
            set("cause", cause);
        }
        thrown.into()
    }
}
