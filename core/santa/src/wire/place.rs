//! Where a value stands in a message.

/// What is known of a field when a value for it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Whether the object that holds the value has not set the field before. Then a list or a message of an earlier object
    /// for the same message is replaced; otherwise lists add up and messages are merged.
    pub(crate) is_first: bool,
    /// Whether the field has presence. An unknown name then leaves an enumeration as it is.
    pub(crate) is_optional: bool,
}

impl Place {
    /// The place of an element of a list.
    pub(crate) const ELEMENT: Self = Self {
        is_first: true,
        is_optional: false,
    };
}
