//! The position of a value in a message.

/// The known facts about a field when a value for it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Whether the object that contains the value has not set the field before. If so, a list or a message of an
    /// earlier object for the same message is replaced; otherwise lists are concatenated and messages are merged.
    pub(crate) is_first: bool,
    /// Whether the field has presence. If so, an unknown name leaves an enumeration unchanged.
    pub(crate) is_optional: bool,
}

impl Place {
    /// The place of an element of a list.
    pub(crate) const ELEMENT: Self = Self {
        is_first: true,
        is_optional: false,
    };
}
