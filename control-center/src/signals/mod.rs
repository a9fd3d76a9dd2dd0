//! Orders for junctions in the hall: judged, written down, approved, sent, and stood by. What becomes of them comes back as
//! events of the gateway. `history` reads what was shown, `plans` keeps and reads by which plan, `emergency`
//! orders greens ahead of a vehicle, `bus_priority` green for late buses, `calendar` plans by the clock; `advice` says what adaptive control
//! would do, from what is `counted` by those whom `trust` lets believe, and `adaptive` orders it where it may; `hands` says who has a
//! controller, `pauses` when who was asked in vain is asked again, `health` what is wrong with it.
//!
//! Who outranks whom: people, then emergency runs, late buses, calendars, adaptive control. Each looks at what stands, and the store
//! sends nothing past an order that it gives way to.

pub mod adaptive;
pub mod advice;
pub mod bus_priority;
pub mod calendar;
mod counted;
pub mod emergency;
mod hands;
pub mod health;
pub mod history;
mod pauses;
pub mod plans;
pub mod trust;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use control_center_core::city::Junction;
use control_center_store::{NOT_SENT, NewOrder, OrderRow, SENT, StoreError, TAKEN, WAITING};
use models_domain::signal::GroupSet;
use models_domain::signal::order::{Book, ORDERS_WINDOW, Order, Orderable, Wanted};
use models_domain::signal::rate::Rate;
use models_domain::signal::safety::{self, Known, Refusal};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::convert::signal::order_to_wire;
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;

use crate::hall::Hall;

/// How long a pole may take to say whether it takes an order.
const PATIENCE: Duration = Duration::from_secs(4);

/// What an order is judged by.
pub struct Judged {
    pub junction: Junction,
    pub can: Orderable,
    pub refusals: Vec<Refusal>,
    pub ends: UtcMillis,
}

/// An order's time begins when it is sent, and it is judged, and judged again, before.
const UNTIL_SENT: DurationMs = DurationMs(1_000);

impl Judged {
    /// For how long it may be ordered so that others need not wait at red for too long, when that is what speaks against it.
    fn room(&self, now: UtcMillis) -> Option<DurationMs> {
        let until = |refusal: &Refusal| {
            if let Refusal::MaximumRed { until, .. } = refusal { Some(until.since(now)) } else { None }
        };
        let least = self.refusals.iter().filter_map(until).min()?;
        Some(DurationMs(least.0 - UNTIL_SENT.0))
    }

    /// What speaks against sending it now to a pole that may wait for `patience`.
    pub fn against(&self, patience: DurationMs) -> Vec<Refusal> {
        safety::not_waited_out(&self.refusals, patience)
    }

    /// The same in words; `None` where nothing does.
    fn why_not(&self, patience: DurationMs) -> Option<String> {
        let texts: Vec<String> = self.against(patience).iter().map(ToString::to_string).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// What will speak against it whenever it is sent.
    pub fn lasting(&self) -> Vec<Refusal> {
        self.refusals.iter().filter(|refusal| !refusal.comes_too_early()).copied().collect()
    }
}

/// How many orders of each junction count, also after the hall's clock was set back.
#[derive(Default)]
pub struct Rates(Mutex<BTreeMap<JunctionId, Rate>>);

/// A book of the orders of a junction that were sent and count by now, with the one that stands: what asks for the same green goes on
/// with it.
async fn sent_lately(hall: &Hall, id: &JunctionId, at: UtcMillis) -> Result<Book, StoreError> {
    let sent = hall.store.orders_sent(id, at - ORDERS_WINDOW).await?;
    let in_force = match hall.view.junction(id) {
        Some(known) => hall.store.order_standing(id, &known.gateway, at).await?,
        None => None,
    };
    let mut rates = hall.rates.0.lock().unwrap_or_else(PoisonError::into_inner);
    let counted = rates.entry(id.clone()).or_default().count(at, &sent);
    Ok(Book { in_force, ..counted })
}

/// Whether an order was sent, and is neither over nor refused.
fn stands(row: &OrderRow) -> bool {
    matches!(row.state.as_str(), SENT | TAKEN | "done")
}

/// Whether one that was to be sent may have left the hall.
fn was_sent(row: &OrderRow) -> bool {
    row.sent.is_some() && row.detail != NOT_SENT
}

/// What became of one that does not stand, in words.
fn failed(row: &OrderRow) -> String {
    let OrderRow { state, detail, .. } = row;
    if detail.is_empty() { state.clone() } else { format!("{state}: {detail}") }
}

/// The highest number of a junction's orders in force: what is sent to it from then on is higher.
fn newest_of(in_force: &[OrderRow], junction: &JunctionId) -> u64 {
    let own = in_force.iter().filter(|row| row.order.junction == *junction);
    own.filter_map(|row| row.number).max().unwrap_or(0)
}

/// Judges what somebody wants now, with what the hall knows; the pole judges again. `None`: nothing may be ordered there.
///
/// # Errors
/// [`StoreError`].
pub async fn judge(
    hall: &Hall,
    id: &JunctionId,
    wanted: &Wanted,
    hold: DurationMs,
) -> Result<Option<Judged>, StoreError> {
    let Some(junction) = hall.view.junction(id) else { return Ok(None) };
    let Some(can) = junction.info.can.clone() else { return Ok(None) };
    let at = hall.clock.now();
    let book = sent_lately(hall, id, at).await?;
    let expires_at = at + hold;
    let order = Order { number: 1, wanted: wanted.clone(), made_at: at, expires_at, patience: DurationMs(0) };
    let known = Known { layout: &can.layout, plans: &can.plans, seen: &junction.seen, book: &book };
    let refusals = safety::check_order(known, at, &order);
    Ok(Some(Judged { junction, can, refusals, ends: expires_at }))
}

/// Groups that show green and would lose it, and groups at red that would stay there for as long as the order lasts.
pub fn touched(judged: &Judged, wanted: &Wanted) -> (GroupSet, GroupSet) {
    let greens = judged.junction.seen.greens();
    let all: GroupSet = (0..=u8::MAX).take(judged.can.layout.groups.len()).collect();
    match wanted {
        Wanted::Plan(_) | Wanted::OwnPlan => (GroupSet::EMPTY, GroupSet::EMPTY),
        Wanted::Flash | Wanted::Dark => (greens, GroupSet::EMPTY),
        Wanted::AllRed => (greens, all),
        Wanted::Groups(groups) => {
            let layout = &judged.can.layout;
            let against = groups.iter().fold(GroupSet::EMPTY, |all, group| all.or(&layout.conflicts(group)));
            (greens.and(&against), against)
        }
    }
}

/// Writes an order down that the hall makes by itself, and sends it; the row as it is then. It is refused when an order was sent since
/// `newest` that it gives way to.
///
/// # Errors
/// As [`send`].
async fn order(hall: &Hall, new: &NewOrder, newest: u64) -> anyhow::Result<OrderRow> {
    let id = hall.store.ask_order(new, hall.clock.now()).await?;
    let read = async || hall.store.order(id).await?.context("an order that was written down is not there");
    let row = read().await?;
    if let Some(sent) = send(hall, &row, None, Some(newest)).await? {
        return Ok(sent);
    }
    let why = "somebody ordered something else meanwhile";
    hall.store.move_order(&row, (WAITING, "refused"), &new.asked_by, why, hall.clock.now()).await?;
    read().await
}

/// Sends an order that waits; the row as it is then. `None` when it waits no more, or gives way to what was sent after `newest`.
///
/// # Errors
/// When the store or the bus fails; what could not be written down was not sent.
pub async fn send(
    hall: &Hall,
    row: &OrderRow,
    approved_by: Option<&str>,
    newest: Option<u64>,
) -> anyhow::Result<Option<OrderRow>> {
    let at = hall.clock.now();
    let NewOrder { gateway, junction, wanted, hold, patience, asked_by, .. } = &row.order;
    let greens = hall.view.junction(junction).map(|known| known.seen.greens()).unwrap_or_default();
    let shown = matches!(wanted, Wanted::Groups(groups) if groups.is_subset(&greens));
    let Some(number) = hall.store.send_order(row, approved_by, newest, shown, at).await? else {
        return Ok(None);
    };
    let order =
        Order { number, wanted: wanted.clone(), made_at: at, expires_at: at + *hold, patience: *patience };
    let user = approved_by.unwrap_or(asked_by);
    tracing::info!(user, %junction, number, wish = wanted.name(), "signal order");
    let key = Key::new(gateway, What::Orders).to_string();
    let payload = order_to_wire(junction, &order).encode_to_vec();
    let (answer, silent) = match hall.bus.ask(&key, payload, PATIENCE).await {
        Ok(answers) => (answers.into_iter().find(|answer| answer.key == key), "the gateway did not answer"),
        Err(err) => {
            tracing::warn!(%gateway, "{err}");
            (None, NOT_SENT)
        }
    };
    let answer = answer.and_then(|answer| v1::SignalOrderAnswer::decode(&answer.payload[..]).ok());
    let (state, detail) = match answer {
        // Should it have come through all the same, the pole ends it: the hall does not stand by it.
        None => ("silent", silent.to_owned()),
        Some(answer) if answer.refusals.is_empty() => (TAKEN, String::new()),
        Some(answer) => {
            let texts: Vec<String> = answer.refusals.into_iter().map(|refusal| refusal.text).collect();
            ("refused", texts.join("; "))
        }
    };
    hall.store.move_order(row, (SENT, state), user, &detail, hall.clock.now()).await?;
    hall.store.order(row.id).await?.context("an order that was sent is not in the store").map(Some)
}
