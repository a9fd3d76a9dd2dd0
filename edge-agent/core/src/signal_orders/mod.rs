//! Orders at the pole: judged again by `safety`, carried out when nothing speaks against them, read back from the
//! controller, and ended when their time is over or the hall is silent. Nothing leads past it to a controller.

mod books;
mod carry;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::signal::SignalDesk;
use models_domain::signal::order::{EndedBy, Order, OrderTold, Orderable, Step};
use models_domain::signal::safety::{self, Known, Refusal};
use models_domain::{EventBody, JunctionId};
use models_wire::convert::signal::{order_from_wire, refusal_to_wire};
use models_wire::v1;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::keep::KeepEvents;
use crate::supervise::chain;
use books::Books;
pub use books::BooksError;

/// How often it is looked whether something has to end.
const LOOK: Duration = Duration::from_millis(200);

pub struct SignalOrders {
    can: BTreeMap<JunctionId, Orderable>,
    /// One at a time acts on a junction.
    turns: BTreeMap<JunctionId, tokio::sync::Mutex<()>>,
    desk: Arc<dyn SignalDesk>,
    keep: Arc<dyn KeepEvents>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    books: Books,
}

impl SignalOrders {
    /// `file` keeps what was ordered over restarts.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(
        can: BTreeMap<JunctionId, Orderable>,
        file: &Path,
        desk: Arc<dyn SignalDesk>,
        keep: Arc<dyn KeepEvents>,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BooksError> {
        let books = Books::open(file)?;
        for junction in books.junctions() {
            if books.of(&junction).in_force.is_some() && !can.contains_key(&junction) {
                tracing::error!(
                    %junction,
                    "an order was in force and the junction is not set up to be commanded any more: see at its controller \
                     that it follows its own plan, or set it up again"
                );
            }
        }
        let turns = can.keys().map(|junction| (junction.clone(), tokio::sync::Mutex::default())).collect();
        Ok(Self { can, turns, desk, keep, board, clock, books })
    }

    /// Judges an order that came over the bus, and begins it. What becomes of it is told by events.
    pub fn take(self: &Arc<Self>, order: v1::SignalOrder) -> v1::SignalOrderAnswer {
        let refused = |code: &str, text: String| {
            let refusal = v1::SignalRefusal { code: code.to_owned(), text, ..Default::default() };
            v1::SignalOrderAnswer { refusals: vec![refusal] }
        };
        let (junction, order) = match order_from_wire(order) {
            Ok(order) => order,
            Err(bad) => return refused("not_understood", bad.to_string()),
        };
        let Some(can) = self.can.get(&junction) else {
            return refused("not_commanded", format!("junction {junction} is not set up to be commanded"));
        };
        match self.judge(&junction, can, &order) {
            Ok(Ok(())) => {}
            Ok(Err(refusals)) => {
                let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                tracing::warn!(%junction, number = order.number, "an order was refused: {}", why.join("; "));
                // A doubled one must not change what is told of the first.
                if !refusals.iter().any(|refusal| matches!(refusal, Refusal::Doubled { .. })) {
                    self.tell(&junction, order.number, Step::Refused, &why.join("; "));
                }
                return v1::SignalOrderAnswer { refusals: refusals.iter().map(refusal_to_wire).collect() };
            }
            Err(err) => return refused("not_written_down", chain(&err)),
        }
        let this = self.clone();
        tokio::spawn(async move { this.carry_out(&junction, &order).await });
        v1::SignalOrderAnswer::default()
    }

    /// Judged and noted in one step: of two with the same number one is refused.
    fn judge(
        &self,
        junction: &JunctionId,
        can: &Orderable,
        order: &Order,
    ) -> Result<Result<(), Vec<Refusal>>, BooksError> {
        let seen = self.board.junction(junction).map(|now| now.seen).unwrap_or_default();
        let at = self.clock.now();
        self.books.change(junction, |book| {
            let known = Known { layout: &can.layout, plans: &can.plans, seen: &seen, book };
            let refusals = safety::check_order(known, at, order);
            if safety::not_waited_out(&refusals, order.patience).is_empty() {
                book.take(at, order.number, &order.wanted, &seen.greens());
                Ok(())
            } else {
                Err(refusals)
            }
        })
    }

    /// The hall stands by these orders.
    pub fn heard(&self, numbers: &[u64]) {
        let at = self.clock.now();
        for junction in self.books.junctions() {
            self.books.note(&junction, |book| book.heard(at, numbers));
        }
    }

    /// Ends what has to end, until `stop`. What is in force then is ended at the next start.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) {
        loop {
            for junction in self.books.junctions() {
                let Some(turn) = self.turns.get(&junction) else { continue };
                let at = self.clock.now();
                self.books.note(&junction, |book| book.look(at));
                self.show(&junction);
                let book = self.books.of(&junction);
                let nothing = book.due(at).is_none() && book.greens_left(at).is_empty();
                // Whoever acts on the junction looks at it himself.
                if nothing || turn.try_lock().is_err() {
                    continue;
                }
                let this = self.clone();
                tokio::spawn(async move { this.end_due(&junction).await });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// On the board as it is in the book.
    fn show(&self, junction: &JunctionId) {
        let held = self.books.of(junction).in_force;
        let (order, ending): (Option<u64>, Option<EndedBy>) =
            held.map_or((None, None), |held| (Some(held.order.number), held.ending));
        self.board.update_junction(junction, |now| (now.order, now.ending) = (order, ending));
    }

    fn tell(&self, junction: &JunctionId, number: u64, step: Step, detail: &str) {
        let told = OrderTold { number, step, detail: detail.to_owned() };
        let body = EventBody::SignalOrder { junction: junction.clone(), told };
        tracing::info!(%junction, number, step = step.name(), detail, "signal order");
        if let Err(err) = self.keep.keep(self.clock.now(), body) {
            tracing::error!(%junction, number, "what became of an order was lost: {err}");
        }
    }
}

#[cfg(test)]
mod tests;
