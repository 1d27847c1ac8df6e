//! Who may register.

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// Nobody.
    #[default]
    Closed,
    /// People with an invitation of the operator.
    Invite,
    /// Everyone.
    Open,
}
