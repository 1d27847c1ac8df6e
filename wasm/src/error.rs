//! Errors as JavaScript sees them.

use js_sys::Reflect;
use selvedge_core::crypto::InvalidKey;
use selvedge_core::crypto::payload::PayloadError;
use selvedge_core::time::LocalTime;
use wasm_bindgen::JsValue;

/// Why a call did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The core says no.
    #[error(transparent)]
    Core(#[from] selvedge_core::error::Error),
    /// A record cannot be opened.
    #[error(transparent)]
    Record(#[from] PayloadError),
    /// What was given is no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A body that is no list of records, or ends early.
    #[error("the server's list of records cannot be read, or broke off early")]
    Body,
    /// The client was closed.
    #[error("this client was closed: open another one")]
    Closed,
    /// What was given is not usable.
    #[error("{message}")]
    Input {
        /// What is wrong and what to do; never the value itself.
        message: &'static str,
        /// What JavaScript threw when it looked at the value.
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

    /// A stable word for programs.
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

macro_rules! from_parts_of_the_core {
    ($($part:ty),*) => {$(
        impl From<$part> for Error {
            fn from(error: $part) -> Self {
                Self::Core(error.into())
            }
        }
    )*};
}

from_parts_of_the_core!(
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
