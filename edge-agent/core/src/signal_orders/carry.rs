//! An order from its moment to its end.

use std::time::Duration;

use hardware_ports::signal::Put;
use models_domain::JunctionId;
use models_domain::signal::order::{
    Book, ControllerNow, EndedBy, InForce, Order, PATIENCE_MAX, Seen, Step, Wanted,
};
use models_domain::signal::safety;

use super::SignalOrders;

/// Between two looks at the lamps while an order waits for its moment.
const MOMENT: Duration = Duration::from_millis(100);

/// A controller shows a plan or a mode within so long; a group may have to wait for a whole change of stage.
const READ_BACK: Duration = Duration::from_secs(15);
const READ_BACK_GROUPS: Duration = Duration::from_secs(60);
const READ_AGAIN: Duration = Duration::from_millis(250);

/// Between two tries to bring a junction back to its own plan, or to have a green let go of.
const TRY_AGAIN: Duration = Duration::from_secs(1);

const NOT_ENDED: &str = "what was ordered before could not be ended";

impl SignalOrders {
    pub(super) async fn carry_out(&self, junction: &JunctionId, order: &Order) {
        let (Some(turn), Some(can)) = (self.turns.get(junction), self.can.get(junction)) else { return };
        let until = self.patient_until(order);
        let _turn = turn.lock().await;
        let mut stuck = false;
        if let Err(why) = self.wait_for_moment(junction, can, order, until, &mut stuck).await {
            return self.tell(junction, order.number, Step::Refused, &why);
        }
        let had_another = self.books.of(junction).in_force.is_some();
        if !stuck && !self.make_room(junction, order).await {
            if order.wanted.commands_green() {
                return self.tell(junction, order.number, Step::Refused, NOT_ENDED);
            }
            stuck = true;
        }
        // Taking the other back took its time and has changed the lamps.
        if had_another && let Err(why) = self.wait_for_moment(junction, can, order, until, &mut stuck).await {
            self.tell(junction, order.number, Step::Refused, &why);
            // What is stuck is on its way back already.
            if !stuck {
                self.end(junction, EndedBy::Order, order.number).await;
            }
            return;
        }
        // Greens that were let pass as going on with one that has ended since would else begin as often as anybody likes.
        let (book, seen) = (self.books.of(junction), self.seen(junction));
        if let Some(refusal) = safety::check_begin(&book, &seen, self.clock.now(), order) {
            self.tell(junction, order.number, Step::Refused, &refusal.to_string());
            self.end(junction, EndedBy::Order, order.number).await;
            return;
        }
        // What takes another's place: the controller still does what was ordered before.
        let replaces = self.books.of(junction).in_force.is_some();
        if order.wanted != Wanted::OwnPlan && !self.hold(junction, order, stuck) {
            return self.tell(junction, order.number, Step::Refused, "the order could not be written down");
        }
        let left = order.expires_at.since(self.clock.now());
        match self.desk.put(junction, &order.wanted, left).await {
            Put::Refused(why) => {
                self.tell(junction, order.number, Step::Refused, &why);
                if replaces {
                    self.end(junction, EndedBy::NotShown, order.number).await;
                } else {
                    self.forget(junction);
                }
            }
            Put::Silent => {
                self.tell(junction, order.number, Step::Silent, "the controller did not answer");
                self.end(junction, EndedBy::NotShown, order.number).await;
            }
            Put::Taken => match self.read_back(junction, &order.wanted, order.number).await {
                Ok(shown) => self.tell(junction, order.number, Step::Done, &shown),
                Err(shown) => {
                    self.tell(junction, order.number, Step::Otherwise, &shown);
                    let book = self.books.of(junction);
                    let newer = (book.last_number > order.number).then_some(EndedBy::Order);
                    let why = book.due(self.clock.now()).or(newer).unwrap_or(EndedBy::NotShown);
                    self.end(junction, why, order.number).await;
                }
            },
        }
        self.show(junction);
    }

    /// The lamps as they were told last.
    fn seen(&self, junction: &JunctionId) -> Seen {
        self.board.junction(junction).map(|now| now.seen).unwrap_or_default()
    }

    /// How long this program will have run when the order has waited for long enough: its age is told by the time of day, which may be set
    /// while it waits.
    fn patient_until(&self, order: &Order) -> Duration {
        let (patience, age) = (order.patience.min(PATIENCE_MAX), self.clock.now().since(order.made_at));
        let left = (patience - age).min(patience);
        self.clock.elapsed() + Duration::from_millis(u64::try_from(left.0).unwrap_or(0))
    }

    /// `until`: see `patient_until`. `stuck`: what was ordered before was tried once to be ended, in vain; set where that is found out here,
    /// for an order that commands no green. That one goes on: a controller that does not let go must keep nobody from flash or from its own
    /// plan.
    async fn wait_for_moment(
        &self,
        junction: &JunctionId,
        can: &models_domain::signal::order::Orderable,
        order: &Order,
        until: Duration,
        stuck: &mut bool,
    ) -> Result<(), String> {
        loop {
            let newest = self.books.of(junction).last_number;
            if newest != order.number {
                return Err(format!("order {newest} came after it"));
            }
            let at = self.clock.now();
            // Who waits has the turn: what is in force is ended in time all the same.
            if !*stuck
                && let Some(why) = self.books.of(junction).due(at)
                && !self.end(junction, why, order.number).await
            {
                if order.wanted.commands_green() {
                    return Err(NOT_ENDED.to_owned());
                }
                *stuck = true;
                continue;
            }
            let refusals = safety::check_moment(&can.layout, &self.seen(junction), at, order);
            if refusals.is_empty() {
                return Ok(());
            }
            if self.clock.elapsed() >= until || !refusals.iter().all(safety::Refusal::may_wait) {
                let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                return Err(why.join("; "));
            }
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Ends what was ordered before; whether it is over. One plan follows another, and the same green goes on, without the own
    /// plan between.
    async fn make_room(&self, junction: &JunctionId, order: &Order) -> bool {
        let Some(held) = self.books.of(junction).in_force else { return true };
        let plans = matches!((&held.order.wanted, &order.wanted), (Wanted::Plan(_), Wanted::Plan(_)));
        let goes_on = matches!(order.wanted, Wanted::Groups(_)) && held.order.wanted == order.wanted;
        if plans || goes_on {
            self.tell(junction, held.order.number, Step::Ended, EndedBy::Order.name());
            return true;
        }
        self.end(junction, EndedBy::Order, order.number).await
    }

    /// Written down before the controller hears of it: whatever happens then, it will be ended. What is `stuck` is ended with it.
    fn hold(&self, junction: &JunctionId, order: &Order, stuck: bool) -> bool {
        let at = self.clock.now();
        let held = InForce { order: order.clone(), heard_at: at, ending: None, let_go: false };
        let greens = self.seen(junction).greens();
        let mut same = None;
        let put = |book: &mut Book| {
            if let Some(before) = book.begin(at, held, &greens).filter(|_| stuck) {
                same = book.leave(before);
            }
            Ok::<_, ()>(())
        };
        let kept = matches!(self.books.change(junction, put), Ok(Ok(())));
        if let Some(same) = same.filter(|_| kept) {
            self.tell(junction, same.order.number, Step::Ended, EndedBy::Order.name());
        }
        self.show(junction);
        kept
    }

    fn forget(&self, junction: &JunctionId) {
        self.write_down(junction, |book| {
            book.in_force = None;
            book.left.clear();
        });
        self.show(junction);
    }

    /// Where it cannot be written it is known until a restart: what is over would be ended once more then, which does no harm.
    fn write_down(&self, junction: &JunctionId, change: impl Fn(&mut Book)) {
        let written = self.books.change(junction, |book| {
            change(book);
            Ok::<_, ()>(())
        });
        if let Err(err) = written {
            tracing::error!(%junction, "{err}");
            self.books.note(junction, change);
        }
    }

    /// Ends what has to end, and greens that were left behind what has not.
    pub(super) async fn end_due(&self, junction: &JunctionId) {
        let Some(turn) = self.turns.get(junction) else { return };
        let _turn = turn.lock().await;
        let (book, at) = (self.books.of(junction), self.clock.now());
        let over = match book.due(at) {
            Some(why) => self.end(junction, why, book.last_number).await,
            None => self.end_left(junction, &book.greens_left(at)).await,
        };
        if !over {
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Takes back what was left behind what is in force, which stands meanwhile; whether the controller took it of all.
    async fn end_left(&self, junction: &JunctionId, all: &[InForce]) -> bool {
        let mut over = true;
        for left in all {
            if !left.let_go && !self.release(junction, &left.order).await {
                over = false;
                continue;
            }
            let number = left.order.number;
            self.write_down(junction, |book| book.left.retain(|left| left.order.number != number));
            self.tell(junction, number, Step::Ended, left.ending.unwrap_or(EndedBy::Order).name());
        }
        over
    }

    /// Takes back what is in force, and what was left before it; whether the controller shows its own plan. It stays in the book
    /// until it does. An order newer than `newest`, whether it came before or meanwhile, does not wait for that: whoever carries it out
    /// tries for himself.
    async fn end(&self, junction: &JunctionId, why: EndedBy, newest: u64) -> bool {
        let Book { in_force: Some(held), left, .. } = self.books.of(junction) else {
            return true;
        };
        let number = held.order.number;
        if held.ending.is_none() {
            self.write_down(junction, |book| {
                if let Some(held) = &mut book.in_force {
                    held.ending = Some(why);
                }
            });
            self.show(junction);
            self.tell(junction, number, Step::Ending, why.name());
        }
        let why = held.ending.unwrap_or(why);
        let all: Vec<&InForce> = left.iter().chain([&held]).collect();
        if !self.let_go(junction, &all).await {
            return false;
        }
        if self.read_back(junction, &Wanted::OwnPlan, newest).await.is_err() {
            self.books.note(junction, Book::not_back);
            return false;
        }
        for left in &left {
            let why = left.ending.unwrap_or(EndedBy::Order);
            self.tell(junction, left.order.number, Step::Ended, why.name());
        }
        self.tell(junction, number, Step::Ended, why.name());
        self.forget(junction);
        true
    }

    /// Whether the controller takes it that each of them is over. One that it holds on to does not keep the others; and what it took before
    /// is not told again for that one: somebody may have set the same mode at the cabinet since.
    async fn let_go(&self, junction: &JunctionId, all: &[&InForce]) -> bool {
        let mut taken = true;
        for held in all {
            if held.let_go {
                continue;
            }
            if self.release(junction, &held.order).await {
                self.books.note(junction, |book| book.let_go(held.order.number));
            } else {
                taken = false;
            }
        }
        taken
    }

    /// Whether the controller takes it that `order` is over.
    async fn release(&self, junction: &JunctionId, order: &Order) -> bool {
        match self.desk.release(junction, &order.wanted).await {
            Put::Taken => true,
            Put::Refused(reason) => {
                tracing::warn!(%junction, number = order.number, "an order cannot be taken back yet: {reason}");
                false
            }
            Put::Silent => false,
        }
    }

    /// Asks the controller until it shows `wanted`. What it shows, as text.
    ///
    /// # Errors
    /// What it shows instead, when the time is over, or that of the order in force, or one came that is newer than `number`.
    async fn read_back(&self, junction: &JunctionId, wanted: &Wanted, number: u64) -> Result<String, String> {
        let until = if matches!(wanted, Wanted::Groups(_)) { READ_BACK_GROUPS } else { READ_BACK };
        let until = self.clock.elapsed() + until;
        loop {
            let read = self.desk.read(junction).await;
            let greens = self.board.junction(junction).map(|now| now.seen.greens()).unwrap_or_default();
            let shown = read.as_ref().map_or_else(Clone::clone, |now| in_words(now, &greens));
            if read.is_ok_and(|now| now.shows(wanted, &greens)) {
                return Ok(shown);
            }
            let held = self.books.of(junction);
            let due = *wanted != Wanted::OwnPlan && held.due(self.clock.now()).is_some();
            if self.clock.elapsed() >= until || held.last_number > number || due {
                return Err(shown);
            }
            tokio::time::sleep(READ_AGAIN).await;
        }
    }
}

/// For the record.
fn in_words(now: &ControllerNow, greens: &models_domain::signal::GroupSet) -> String {
    let mode = now.mode.map_or("unknown", |mode| mode.name());
    let plan = now.plan.map_or("unknown".to_owned(), |plan| plan.to_string());
    let by = match now.plan_forced {
        Some(true) => " (ordered)",
        Some(false) | None => "",
    };
    format!("mode {mode}, plan {plan}{by}, green {greens}")
}
