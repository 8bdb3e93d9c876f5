//! Room that clients share: bytes of memory, or connections. Who takes of it leaves some to others, so that no client,
//! however much it asks for, keeps the next one out. Nothing is taken away from anybody: where many come, shares become
//! alike as those who have more than theirs give it back, which all have to do in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::rate::Asker;

/// How many times of what is left for others a client may hold: three quarters of all where it is alone, and less with
/// each other one.
const TIMES_LEFT: usize = 3;

/// Room for so much; by default there is none.
#[derive(Debug, Default)]
pub struct Room {
    all: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    total: usize,
    /// Nobody stands here who holds nothing.
    by_asker: HashMap<Asker, usize>,
}

/// A part of it, until it is dropped.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    asker: Option<Asker>,
    amount: usize,
}

impl Room {
    /// Room for so much, all of it free.
    #[must_use]
    pub fn new(all: usize) -> Arc<Self> {
        Arc::new(Self { all, used: Mutex::default() })
    }

    /// Takes so much for a client, if there is as much and enough is left for others. Who holds nothing yet may take
    /// whatever is free, and what is larger than the whole room takes all of it: nothing is too large for ever. Without a
    /// client, as for many who can't be told apart, it is asked only whether there is as much.
    #[must_use]
    pub fn take(self: &Arc<Self>, asker: Option<&Asker>, amount: usize) -> Option<Held> {
        let mut held = self.enter(asker);
        held.grow(amount.min(self.all)).then_some(held)
    }

    /// Holds nothing yet for a client.
    #[must_use]
    pub fn enter(self: &Arc<Self>, asker: Option<&Asker>) -> Held {
        Held { room: self.clone(), asker: asker.cloned(), amount: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes more; whether that was possible.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let mut used = self.room.lock();
        let Some(left) = self.room.all.checked_sub(used.total + more) else { return false };
        if let Some(asker) = &self.asker {
            let own = used.by_asker.get(asker).copied().unwrap_or_default();
            if own > 0 && own + more > left.saturating_mul(TIMES_LEFT) {
                return false;
            }
            if more > 0 {
                *used.by_asker.entry(asker.clone()).or_default() += more;
            }
        }
        used.total += more;
        self.amount += more;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut used = self.room.lock();
        used.total -= self.amount;
        if let Some(asker) = &self.asker
            && let Some(own) = used.by_asker.get_mut(asker)
        {
            *own -= self.amount;
            if *own == 0 {
                used.by_asker.remove(asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Room;
    use crate::rate::Asker;

    fn asker(name: usize) -> Asker {
        Asker::Key(name.to_string())
    }

    #[test]
    fn a_client_alone_leaves_a_quarter_and_what_it_gives_back_is_free() {
        let room = Room::new(100);
        let one = asker(1);
        let mut held = room.take(Some(&one), 70).expect("all is free");
        assert!(held.grow(5) && !held.grow(1), "75 of 100");
        assert!(room.take(Some(&one), 1).is_none());
        assert!(room.take(Some(&asker(2)), 25).is_some(), "another one may take what is left");
        drop(held);
        assert!(room.lock().by_asker.is_empty());
        assert!(room.take(Some(&one), 75).is_some());
    }

    #[test]
    fn however_many_take_what_they_can_there_is_room_for_the_next_one() {
        let room = Room::new(10_000);
        let mut held: Vec<_> = (0..50).map(|number| room.enter(Some(&asker(number)))).collect();
        while held.iter_mut().filter_map(|own| own.grow(1).then_some(())).count() > 0 {}
        assert!(room.take(Some(&asker(50)), 60).is_some());
        let shares: Vec<_> = held.iter().map(|own| own.amount).collect();
        assert!(shares.iter().all(|share| (190..=200).contains(share)), "they are alike: {shares:?}");
    }

    #[test]
    fn who_comes_first_leaves_a_quarter_of_what_it_finds() {
        let room = Room::new(10_000);
        let mut held = Vec::new();
        for number in 0..6 {
            let mut own = room.take(Some(&asker(number)), 1).expect("there is room for a newcomer");
            while own.grow(1) {}
            held.push(own);
        }
    }

    #[test]
    fn what_is_larger_than_the_room_waits_for_all_of_it_and_then_has_it() {
        let room = Room::new(10);
        let small = room.take(Some(&asker(1)), 1).expect("it is free");
        assert!(room.take(Some(&asker(2)), 1000).is_none());
        drop(small);
        let _large = room.take(Some(&asker(2)), 1000).expect("it is free");
        assert!(room.take(Some(&asker(1)), 1).is_none());
    }

    #[test]
    fn those_who_can_t_be_told_apart_have_no_share() {
        let room = Room::new(10);
        let held: Vec<_> = (0..10).filter_map(|_| room.take(None, 1)).collect();
        assert_eq!(held.len(), 10);
        assert!(room.take(None, 1).is_none());
    }
}
