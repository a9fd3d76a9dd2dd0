//! What a pole remembers of one junction's orders, over its own restarts. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{BACKUP, EndedBy, ORDERS_MAX, Order, STOPS_MAX, Wanted};
use crate::signal::GroupSet;
use crate::units::UtcMillis;

/// An order that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    pub order: Order,
    /// When the hall last said that it stands by it.
    pub heard_at: UtcMillis,
    /// It is over, and the controller has not confirmed yet that it is back on its own plan.
    pub ending: Option<EndedBy>,
    /// The controller took it that it is over. Not written down: after a restart it is told once more.
    #[serde(skip)]
    pub let_go: bool,
}

/// What a pole remembers of one junction's orders, over its own restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Book {
    pub last_number: u64,
    /// When orders were taken, the oldest first, the newest [`ORDERS_MAX`] of them: older ones cannot change whether there were too many
    /// of late.
    pub taken: VecDeque<UtcMillis>,
    /// The same of those alone that stop normal service, the newest [`STOPS_MAX`] of them.
    #[serde(default)]
    pub stops: VecDeque<UtcMillis>,
    /// The newest order, where it goes on with the green in force and so counts as none of these.
    #[serde(default)]
    pub uncounted: Option<u64>,
    pub in_force: Option<InForce>,
    /// Orders that the controller did not let go of before what is in force took their place, the oldest first, at most one of each
    /// wish: they are taken back with it, greens before.
    #[serde(default)]
    pub left: Vec<InForce>,
}

impl Book {
    /// Notes that an order was taken: none with its number or a lower one is taken again. It counts unless it [goes on](Self::goes_on).
    /// `greens`: the groups that show green, as far as is known.
    pub fn take(&mut self, at: UtcMillis, number: u64, wanted: &Wanted, greens: &GroupSet) {
        self.last_number = self.last_number.max(number);
        self.look(at);
        self.uncounted = self.goes_on(at, wanted, greens).then_some(number);
        if self.uncounted.is_none() {
            self.count(at, wanted);
        }
    }

    /// Whether `wanted` is the green that is in force, shown among `greens` and not about to end: to order that for longer changes no lamp,
    /// and the rate of orders is there to bound changes. One that is not shown yet may end before it ever is. A plan and a mode that are
    /// ordered once more may begin anew at the controller.
    pub fn goes_on(&self, at: UtcMillis, wanted: &Wanted, greens: &GroupSet) -> bool {
        let same = self.in_force.as_ref().is_some_and(|held| held.order.wanted == *wanted);
        let shown = matches!(wanted, Wanted::Groups(groups) if groups.is_subset(greens));
        same && shown && self.due(at).is_none()
    }

    /// `held` begins; what it takes the place of. One that was to go on with a green that ended meanwhile changes lamps after all, and
    /// counts from now. `greens`: the groups that show green, as far as is known.
    pub fn begin(&mut self, at: UtcMillis, held: InForce, greens: &GroupSet) -> Option<InForce> {
        let counts = self.uncounted.take_if(|number| *number == held.order.number).is_some();
        if counts && !self.goes_on(at, &held.order.wanted, greens) {
            self.count(at, &held.order.wanted);
        }
        self.in_force.replace(held)
    }

    fn count(&mut self, at: UtcMillis, wanted: &Wanted) {
        note(&mut self.taken, at, ORDERS_MAX);
        if wanted.stops_service() {
            note(&mut self.stops, at, STOPS_MAX);
        }
    }

    /// `before` could not be taken back and another order takes its place. One that was left earlier with the same wish is returned: it
    /// goes on in `before`.
    pub fn leave(&mut self, before: InForce) -> Option<InForce> {
        let same = self.left.iter().position(|left| left.order.wanted == before.order.wanted);
        let same = same.map(|index| self.left.remove(index));
        self.left.push(before);
        same
    }

    /// The controller took it that order `number` is over.
    pub fn let_go(&mut self, number: u64) {
        self.all_mut().filter(|held| held.order.number == number).for_each(|held| held.let_go = true);
    }

    /// The controller took it of all, and is not back on its own plan: it is to be told again of each.
    pub fn not_back(&mut self) {
        self.all_mut().for_each(|held| held.let_go = false);
    }

    /// The hall stands by these orders.
    pub fn heard(&mut self, at: UtcMillis, numbers: &[u64]) {
        if let Some(held) = &mut self.in_force
            && numbers.contains(&held.order.number)
        {
            held.heard_at = at;
        }
    }

    /// Whether what is in force has to end now, and why.
    pub fn due(&self, at: UtcMillis) -> Option<EndedBy> {
        let held = self.in_force.as_ref()?;
        if held.ending.is_some() {
            return held.ending;
        }
        if at >= held.order.expires_at {
            return Some(EndedBy::Expiry);
        }
        // A clock that was set back must not prolong an order either.
        let silent = at.since(held.heard_at);
        (silent >= BACKUP || silent.0 < -BACKUP.0).then_some(EndedBy::LinkLoss)
    }

    /// Greens that were left behind what is in force, while that stands and commands none itself: they can be taken back under it. Not so
    /// what else was left: taking back a plan or a mode may end what took its place.
    pub fn greens_left(&self, at: UtcMillis) -> Vec<InForce> {
        let stands = self.in_force.as_ref().is_some_and(|held| !held.order.wanted.commands_green());
        if !stands || self.due(at).is_some() {
            return Vec::new();
        }
        let green = |left: &&InForce| matches!(left.order.wanted, Wanted::Groups(_));
        self.left.iter().filter(green).cloned().collect()
    }

    /// After a restart, whatever was ordered ends.
    pub fn restarted(&mut self) {
        if let Some(held) = &mut self.in_force {
            held.ending.get_or_insert(EndedBy::Restart);
        }
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut InForce> {
        self.left.iter_mut().chain(self.in_force.as_mut())
    }
}

fn note(moments: &mut VecDeque<UtcMillis>, at: UtcMillis, max: usize) {
    moments.push_back(at);
    while moments.len() > max {
        moments.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationMs;

    fn book(heard: i64, expires: i64) -> Book {
        let order = Order {
            number: 7,
            wanted: Wanted::Flash,
            made_at: UtcMillis(0),
            expires_at: UtcMillis(expires),
            patience: DurationMs(0),
        };
        let held = InForce { order, heard_at: UtcMillis(heard), ending: None, let_go: false };
        Book { last_number: 7, in_force: Some(held), ..Book::default() }
    }

    #[track_caller]
    fn check(mut book: Book, heard: &[(i64, u64)], at: i64, want: Option<EndedBy>) {
        for (at, number) in heard {
            book.heard(UtcMillis(*at), &[*number]);
        }
        assert_eq!(book.due(UtcMillis(at)), want);
    }

    #[test]
    fn an_order_ends_by_its_time_or_when_the_hall_is_silent() {
        check(book(0, 60_000), &[], 9_999, None);
        check(book(0, 60_000), &[], 10_000, Some(EndedBy::LinkLoss));
        check(book(0, 60_000), &[(9_000, 7)], 18_999, None);
        check(book(0, 60_000), &[(9_000, 8)], 10_000, Some(EndedBy::LinkLoss));
        check(book(59_000, 60_000), &[], 60_000, Some(EndedBy::Expiry));
        check(book(50_000, 90_000), &[], 39_000, Some(EndedBy::LinkLoss));
        let mut restarted = book(0, 60_000);
        restarted.restarted();
        check(restarted, &[(1, 7)], 2, Some(EndedBy::Restart));
        check(Book::default(), &[], 1, None);
    }

    #[test]
    fn a_green_that_goes_on_counts_only_when_it_began_anew() {
        let green = |group: u8| Wanted::Groups([group].into_iter().collect());
        let held = |number: u64, wanted: Wanted, expires: i64| {
            let made_at = UtcMillis(0);
            let expires_at = UtcMillis(expires);
            let order = Order { number, wanted, made_at, expires_at, patience: DurationMs(0) };
            InForce { order, heard_at: made_at, ending: None, let_go: false }
        };
        let shows = |group: u8| [group].into_iter().collect::<GroupSet>();
        let after = |at: i64, wanted: &Wanted, ending: Option<EndedBy>| {
            let in_force = Some(InForce { ending, ..held(7, green(0), 9_000) });
            let mut book = Book { last_number: 7, in_force, ..Book::default() };
            book.take(UtcMillis(at), 8, wanted, &shows(0));
            (book.last_number, book.taken.len(), book.uncounted)
        };
        assert_eq!(after(5_000, &green(0), None), (8, 0, Some(8)));
        // Another green, a mode, the way back; and one whose time is over, or that is about to end.
        for wanted in [green(1), Wanted::Plan(1), Wanted::Flash, Wanted::OwnPlan] {
            assert_eq!(after(5_000, &wanted, None), (8, 1, None), "{wanted:?}");
        }
        assert_eq!(after(9_000, &green(0), None), (8, 1, None));
        assert_eq!(after(5_000, &green(0), Some(EndedBy::Order)), (8, 1, None));
        // One that is not shown, or not any more.
        for (before, then, want) in [(1, 1, (1, None)), (0, 0, (0, None)), (0, 1, (1, None))] {
            let mut book = Book { in_force: Some(held(7, green(0), 9_000)), ..Book::default() };
            book.take(UtcMillis(5_000), 8, &green(0), &shows(before));
            book.begin(UtcMillis(5_500), held(8, green(0), 20_000), &shows(then));
            assert_eq!((book.taken.len(), book.uncounted), want, "{before} {then}");
        }
        // A plan or a mode is told to the controller anew.
        let mut book = book(0, 60_000);
        book.take(UtcMillis(1), 8, &Wanted::Flash, &shows(0));
        assert_eq!((book.taken.len(), book.stops.len()), (1, 1));
        // Taken while the green stood; it ended before this one began.
        for (ended, counted) in [(false, 0), (true, 1)] {
            let mut book = Book { in_force: Some(held(7, green(0), 9_000)), ..Book::default() };
            book.take(UtcMillis(8_000), 8, &green(0), &shows(0));
            if ended {
                book.in_force = None;
            }
            let before = book.begin(UtcMillis(8_500), held(8, green(0), 20_000), &shows(0));
            assert_eq!((before.is_none(), book.taken.len(), book.uncounted), (ended, counted, None));
        }
    }

    #[test]
    fn what_could_not_be_taken_back_is_left_once_for_each_wish() {
        let held = |number: u64, wanted: Wanted| {
            let held = book(0, 60_000).in_force.unwrap();
            InForce { order: Order { number, wanted, ..held.order }, ..held }
        };
        let mut book = book(0, 60_000);
        assert_eq!(book.leave(held(1, Wanted::Flash)), None);
        assert_eq!(book.leave(held(2, Wanted::AllRed)), None);
        assert_eq!(book.leave(held(3, Wanted::Flash)).map(|same| same.order.number), Some(1));
        assert_eq!(book.left.iter().map(|left| left.order.number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn only_greens_are_taken_back_under_what_took_their_place_and_while_it_stands() {
        let mut book = book(0, 60_000);
        let held = book.in_force.clone().unwrap();
        let green = Wanted::Groups([0].into_iter().collect());
        for (number, wanted) in [(1, Wanted::Plan(2)), (2, green.clone()), (3, Wanted::AllRed)] {
            let order = Order { number, wanted, ..held.order.clone() };
            book.leave(InForce { order, ..held.clone() });
        }
        let greens = |book: &Book, at: i64| -> Vec<u64> {
            book.greens_left(UtcMillis(at)).iter().map(|left| left.order.number).collect()
        };
        assert_eq!(greens(&book, 9_999), [2]);
        assert!(greens(&book, 10_000).is_empty(), "all is taken back then");
        book.in_force = Some(InForce { order: Order { wanted: green, ..held.order.clone() }, ..held });
        assert!(greens(&book, 0).is_empty(), "another green goes on");
    }

    #[test]
    fn what_the_controller_let_go_of_is_known_until_it_turns_out_not_to_be_back() {
        let mut book = book(0, 60_000);
        let order = Order { number: 3, ..book.in_force.clone().unwrap().order };
        book.leave(InForce { order, heard_at: UtcMillis(0), ending: None, let_go: false });
        let let_go = |book: &Book| (book.left[0].let_go, book.in_force.as_ref().unwrap().let_go);
        book.let_go(7);
        assert_eq!(let_go(&book), (false, true));
        book.let_go(3);
        assert_eq!(let_go(&book), (true, true));
        book.not_back();
        assert_eq!(let_go(&book), (false, false));
    }
}
