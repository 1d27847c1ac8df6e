//! The two devices of a pairing.

/// Which of the two devices this is. A proof names its signer, so that one cannot be sent back to the device that made
/// it.
///
/// ```
/// use selvedge_core::crypto::jpake::Role;
///
/// assert_eq!(Role::Receiver.name(), "receiver");
/// assert_eq!(Role::Receiver.peer(), Role::Sender);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The new device, which shows the characters.
    Receiver,
    /// The device with the account, where they are typed.
    Sender,
}

impl Role {
    /// As messages and proofs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
        }
    }

    /// The other device's role.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }
}
