//! An order from its moment to its end.

use std::time::Duration;

use hardware_ports::signal::Put;
use models_domain::signal::order::{Book, ControllerNow, EndedBy, InForce, Order, Step, Wanted};
use models_domain::signal::safety;
use models_domain::{DurationMs, JunctionId};

use super::SignalOrders;

/// Between two looks at the lamps while an order waits for its moment.
const MOMENT: Duration = Duration::from_millis(100);

/// A controller shows a plan or a mode within so long; a group may have to wait for a whole change of stage.
const READ_BACK: DurationMs = DurationMs(15_000);
const READ_BACK_GROUPS: DurationMs = DurationMs(60_000);
const READ_AGAIN: Duration = Duration::from_millis(250);

/// Between two tries to bring a junction back to its own plan.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl SignalOrders {
    pub(super) async fn carry_out(&self, junction: &JunctionId, order: &Order) {
        let (Some(turn), Some(can)) = (self.turns.get(junction), self.can.get(junction)) else { return };
        let _turn = turn.lock().await;
        if let Err(why) = self.wait_for_moment(junction, can, order).await {
            return self.tell(junction, order.number, Step::Refused, &why);
        }
        let had_another = self.books.of(junction).in_force.is_some();
        if !self.make_room(junction, order).await {
            let why = "what was ordered before could not be ended";
            return self.tell(junction, order.number, Step::Refused, why);
        }
        // Taking the other back took its time and has changed the lamps.
        if had_another && let Err(why) = self.wait_for_moment(junction, can, order).await {
            self.tell(junction, order.number, Step::Refused, &why);
            self.end(junction, EndedBy::Order).await;
            return;
        }
        // What takes another's place: the controller still does what was ordered before.
        let replaces = self.books.of(junction).in_force.is_some();
        if order.wanted != Wanted::OwnPlan && !self.hold(junction, order) {
            return self.tell(junction, order.number, Step::Refused, "the order could not be written down");
        }
        let left = order.expires_at.since(self.clock.now());
        match self.desk.put(junction, &order.wanted, left).await {
            Put::Refused(why) => {
                self.tell(junction, order.number, Step::Refused, &why);
                if replaces {
                    self.end(junction, EndedBy::NotShown).await;
                } else {
                    self.forget(junction);
                }
            }
            Put::Silent => {
                self.tell(junction, order.number, Step::Silent, "the controller did not answer");
                self.end(junction, EndedBy::NotShown).await;
            }
            Put::Taken => match self.read_back(junction, &order.wanted, Some(order.number)).await {
                Ok(shown) => self.tell(junction, order.number, Step::Done, &shown),
                Err(shown) => {
                    self.tell(junction, order.number, Step::Otherwise, &shown);
                    let book = self.books.of(junction);
                    let newer = (book.last_number > order.number).then_some(EndedBy::Order);
                    let why = book.due(self.clock.now()).or(newer).unwrap_or(EndedBy::NotShown);
                    self.end(junction, why).await;
                }
            },
        }
        self.show(junction);
    }

    async fn wait_for_moment(
        &self,
        junction: &JunctionId,
        can: &models_domain::signal::order::Orderable,
        order: &Order,
    ) -> Result<(), String> {
        loop {
            let newest = self.books.of(junction).last_number;
            if newest != order.number {
                return Err(format!("order {newest} came after it"));
            }
            let at = self.clock.now();
            // Who waits has the turn: what is in force is ended in time all the same.
            if let Some(why) = self.books.of(junction).due(at)
                && !self.end(junction, why).await
            {
                return Err("what was ordered before could not be ended".to_owned());
            }
            let seen = self.board.junction(junction).map(|now| now.seen).unwrap_or_default();
            let refusals = safety::check_moment(&can.layout, &seen, at, order);
            if refusals.is_empty() {
                return Ok(());
            }
            if at.since(order.made_at) >= order.patience || !refusals.iter().all(|r| r.comes_too_early()) {
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
        self.end(junction, EndedBy::Order).await
    }

    /// Written down before the controller hears of it: whatever happens then, it will be ended.
    fn hold(&self, junction: &JunctionId, order: &Order) -> bool {
        let held = InForce { order: order.clone(), heard_at: self.clock.now(), ending: None };
        let put = |book: &mut Book| {
            book.in_force = Some(held);
            Ok::<_, ()>(())
        };
        let kept = matches!(self.books.change(junction, put), Ok(Ok(())));
        self.show(junction);
        kept
    }

    fn forget(&self, junction: &JunctionId) {
        let take = |book: &mut Book| {
            book.in_force = None;
            Ok::<_, ()>(())
        };
        if let Err(err) = self.books.change(junction, take) {
            // It would be ended once more after a restart, which does no harm.
            tracing::error!(%junction, "{err}");
            self.books.note(junction, |book| book.in_force = None);
        }
        self.show(junction);
    }

    pub(super) async fn end_due(&self, junction: &JunctionId) {
        let Some(turn) = self.turns.get(junction) else { return };
        let _turn = turn.lock().await;
        let due = self.books.of(junction).due(self.clock.now());
        if let Some(why) = due
            && !self.end(junction, why).await
        {
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Takes back what is in force; whether the controller shows its own plan. It stays in the book until it does.
    async fn end(&self, junction: &JunctionId, why: EndedBy) -> bool {
        let Some(held) = self.books.of(junction).in_force else { return true };
        let (number, wanted) = (held.order.number, &held.order.wanted);
        if held.ending.is_none() {
            let mark = |book: &mut Book| {
                if let Some(held) = &mut book.in_force {
                    held.ending = Some(why);
                }
                Ok::<_, ()>(())
            };
            if self.books.change(junction, mark).is_err() {
                self.books.note(junction, |book| {
                    let _ = mark(book);
                });
            }
            self.show(junction);
            self.tell(junction, number, Step::Ending, why.name());
        }
        let why = held.ending.unwrap_or(why);
        let back = match self.desk.release(junction, wanted).await {
            Put::Taken => self.read_back(junction, &Wanted::OwnPlan, None).await.is_ok(),
            Put::Refused(reason) => {
                tracing::warn!(%junction, number, "an order cannot be taken back yet: {reason}");
                false
            }
            Put::Silent => false,
        };
        if back {
            self.tell(junction, number, Step::Ended, why.name());
            self.forget(junction);
        }
        back
    }

    /// Asks the controller until it shows `wanted`. What it shows, as text.
    ///
    /// # Errors
    /// What it shows instead, when the time is over, or that of the order with this `number`, or a newer one came.
    async fn read_back(
        &self,
        junction: &JunctionId,
        wanted: &Wanted,
        number: Option<u64>,
    ) -> Result<String, String> {
        let until = if matches!(wanted, Wanted::Groups(_)) { READ_BACK_GROUPS } else { READ_BACK };
        let until = self.clock.now() + until;
        loop {
            let read = self.desk.read(junction).await;
            let greens = self.board.junction(junction).map(|now| now.seen.greens()).unwrap_or_default();
            let shown = read.as_ref().map_or_else(Clone::clone, |now| in_words(now, &greens));
            if read.is_ok_and(|now| now.shows(wanted, &greens)) {
                return Ok(shown);
            }
            let held = self.books.of(junction);
            let now = self.clock.now();
            let over = number.is_some_and(|number| {
                held.last_number > number || (*wanted != Wanted::OwnPlan && held.due(now).is_some())
            });
            if now >= until || over {
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
