//! Whether a downloaded record can be used, and what becomes of one that cannot.

use alloc::string::{String, ToString};
use core::fmt;

use zeroize::Zeroizing;

use crate::json::Value;

/// Whether a downloaded record can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, forms};
///
/// let record = r#"{"id":"Qm9Xc2VwbHVz","name":"city","value":""}"#.parse()?;
/// assert_eq!(forms::validate(&record), Judgement::Replace);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It can.
    Valid,
    /// It can after this correction, which other devices need as well.
    Reupload(Corrected),
    /// It cannot, and it harms other devices: this device's version replaces it on the server, or else a tombstone.
    Replace,
    /// It cannot, for this reason. It is not applied, and stays on the server as it is.
    Refuse(&'static str),
}

/// The text of a corrected record. It may contain secrets, so it is not printed.
///
/// ```
/// use selvedge_core::firefox::{Judgement, credit_cards};
///
/// let old = r#"{"id":"211443f8e100","entry":{"version":1,"cc-number":"4111111111111111"}}"#.parse()?;
/// let Judgement::Reupload(corrected) = credit_cards::validate(&old) else { panic!("it has an old version") };
/// assert!(corrected.as_str().contains(r#""version":3"#));
/// assert!(!format!("{corrected:?}").contains("4111"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Corrected(Zeroizing<String>);

impl Corrected {
    pub(super) fn new(record: &Value) -> Self {
        Self(Zeroizing::new(record.to_string()))
    }

    /// The JSON object.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Corrected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Corrected(..)")
    }
}
