//! The session tickets that a client received.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::limits::TICKETS;
use crate::base::observations::AnySession;
use crate::context::Ticket;

/// The last tickets that were received.
#[derive(Default)]
pub(super) struct TicketInbox {
    tickets: VecDeque<Arc<Ticket>>,
    /// How many of them, the latest, were not taken yet.
    new: usize,
}

impl TicketInbox {
    /// Adds tickets, and forgets the oldest if there are too many.
    pub(super) fn add(&mut self, tickets: impl ExactSizeIterator<Item = AnySession>) {
        let surplus = (self.tickets.len() + tickets.len()).saturating_sub(TICKETS);
        self.new = (self.new + tickets.len()).min(TICKETS);
        self.tickets
            .extend(tickets.filter_map(|one| one.downcast::<Ticket>().ok()));
        self.tickets.drain(..surplus);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.tickets.iter()
    }

    /// Takes the oldest ticket that was not taken yet.
    pub(super) fn take_new(&mut self) -> Option<Arc<Ticket>> {
        self.new = self.new.checked_sub(1)?;
        let index = self.tickets.len().checked_sub(1 + self.new)?;
        self.tickets.get(index).cloned()
    }
}
