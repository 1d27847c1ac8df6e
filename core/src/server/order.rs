//! The order of pages that are sorted by the times of their records.

use super::dialect::before;
use crate::time::ServerTime;

/// The direction in which the times of the records change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Oldest,
    Newest,
}

impl Order {
    pub(super) const fn is_after(self, time: ServerTime, before: ServerTime) -> bool {
        let (time, before) = (time.hundredths(), before.hundredths());
        match self {
            Self::Oldest => time >= before,
            Self::Newest => time <= before,
        }
    }

    /// `newer` and `older` of the page that begins at `reached`.
    pub(super) fn bounds(
        self,
        newer: Option<ServerTime>,
        older: Option<ServerTime>,
        reached: Option<ServerTime>,
    ) -> (Option<ServerTime>, Option<ServerTime>) {
        let after = |time: ServerTime| ServerTime::from_hundredths(time.hundredths() + 1);
        match (self, reached) {
            (_, None) => (newer, older),
            (Self::Oldest, Some(reached)) => (newer.max(Some(before(reached))), older),
            (Self::Newest, Some(reached)) => {
                let older = older.map_or(after(reached), |older| older.min(after(reached)));
                (newer, Some(older))
            }
        }
    }
}
