//! Counts what a peer sends without application data.

use crate::base::limits::{CONTROL_RECORDS, CONTROL_RECORDS_PER_KIND};

/// What came since the last application data that was not empty.
#[derive(Default)]
pub(super) struct Charged {
    pub(super) together: u8,
    pub(super) key_updates: u8,
    pub(super) empty: u8,
}

impl Charged {
    pub(super) fn has_room_for(&self, more: u8) -> bool {
        self.together + more <= CONTROL_RECORDS
            && self.key_updates + more <= CONTROL_RECORDS_PER_KIND
            && self.empty + more <= CONTROL_RECORDS_PER_KIND
    }
}
