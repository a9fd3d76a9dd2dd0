//! What was ordered of junctions, by whom, and what became of it; each step with its line in the audit, in one transaction.

use models_domain::signal::GroupSet;
use models_domain::signal::order::{OrderTold, Step, Wanted};
use models_domain::{DurationMs, EventBody, GatewayId, JunctionId, UtcMillis};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::audit::{self, AuditLine};
use crate::errs::StoreError;
use crate::ingest::NewEvent;
use crate::open::{BEGIN, Store};
use crate::rows::clamp;

/// An order as somebody asked for it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub gateway: GatewayId,
    pub junction: JunctionId,
    pub wanted: Wanted,
    pub hold: DurationMs,
    pub patience: DurationMs,
    pub purpose: String,
    pub asked_by: String,
}

#[derive(Debug, Clone)]
pub struct OrderRow {
    pub id: u64,
    pub order: NewOrder,
    pub asked: UtcMillis,
    pub approved_by: Option<String>,
    pub number: Option<u64>,
    pub sent: Option<UtcMillis>,
    pub ends: Option<UtcMillis>,
    /// waiting, declined, lapsed, sent, taken; then what poles tell: the names of [`Step`].
    pub state: String,
    pub detail: String,
    pub state_at: UtcMillis,
}

/// A state before the pole has said anything.
pub const WAITING: &str = "waiting";
pub const SENT: &str = "sent";
pub const TAKEN: &str = "taken";
/// Detail of an order that never left the hall, which is told as silent.
pub const NOT_SENT: &str = "the bus did not take it";

/// Orders of a calendar are asked by this and its id. They give way to whatever else stands.
pub const CALENDAR: &str = "calendar:";
/// Orders for late buses, by what the hall's file says of the junction. They give way to all but a calendar's.
pub const BUS_PRIORITY: &str = "bus_priority:";
/// Orders of adaptive control, by the junction. They give way to everybody else's, and keep nobody from anything.
pub const ADAPTIVE: &str = "adaptive:";

/// How long an order may wait for the second person.
pub const APPROVE_WITHIN: DurationMs = DurationMs(300_000);

pub(crate) const COLUMNS: &str = "id, gateway, junction, wish, plan, groups, hold_ms, patience_ms, purpose, asked_by, asked_ms, \
                       approved_by, number, sent_ms, ends_ms, state, detail, state_ms";

impl Store {
    /// Writes an order down; it waits.
    ///
    /// # Errors
    /// [`StoreError`]; what cannot be written down is not done.
    pub async fn ask_order(&self, order: &NewOrder, at: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("writing down a signal order");
        let mut tx = writer.connection.begin_with(BEGIN).await.map_err(&failed)?;
        let (plan, groups) = parts(&order.wanted);
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO signal_order (gateway, junction, wish, plan, groups, hold_ms, patience_ms, purpose, asked_by, \
             asked_ms, state, detail, state_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?) RETURNING id",
        )
        .bind(order.gateway.as_str())
        .bind(order.junction.as_str())
        .bind(order.wanted.name())
        .bind(plan)
        .bind(groups)
        .bind(order.hold.0)
        .bind(order.patience.0)
        .bind(&order.purpose)
        .bind(&order.asked_by)
        .bind(at.0)
        .bind(WAITING)
        .bind(at.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(&failed)?;
        let id = id.cast_unsigned();
        if !is_adaptive(&order.asked_by) {
            let what = format!("order {id}: {}", in_words(order));
            audit::insert(&mut tx, &line(at, &order.asked_by, "signal_order_asked", &order.purpose, what))
                .await
                .map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(id)
    }

    /// An order that waits is about to be sent: its number, or `None` when it waits no more, has waited for too long,
    /// would stop normal service on one person's word, or is a calendar's, for a bus or adaptive control's and another's order stands
    /// that it gives way to, or a green of adaptive control that was asked for more than 1.5 s ago. `newest`: the highest number in force that whoever made it has looked at; when a person's order, or one for another
    /// purpose, was sent after it and stands, this one is not sent. A green that the junction's
    /// newest order in force is already, and that the pole took and the lamps
    /// show (`shown`), goes on with it, as `order::Book::goes_on` has it, and is written down as such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn send_order(
        &self,
        row: &OrderRow,
        approved_by: Option<&str>,
        newest: Option<u64>,
        shown: bool,
        at: UtcMillis,
    ) -> Result<Option<u64>, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("writing down that a signal order is sent");
        let mut tx = writer.connection.begin_with(BEGIN).await.map_err(&failed)?;
        let number: Option<i64> = sqlx::query_scalar(
            "UPDATE signal_order SET state = 'sent', state_ms = ?1, sent_ms = ?1, ends_ms = ?1 + hold_ms, approved_by = ?2, \
             number = (SELECT max(?1, coalesce(max(number), 0) + 1) FROM signal_order), \
             goes_on = (?6 AND wish = 'groups' AND (SELECT other.wish = 'groups' AND other.state <> 'sent' AND other.groups = signal_order.groups \
             AND other.gateway = signal_order.gateway FROM signal_order AS other INDEXED BY signal_order_stands \
             WHERE other.junction = signal_order.junction AND other.ends_ms > ?1 \
             AND other.state IN ('sent', 'taken', 'done') ORDER BY other.number DESC LIMIT 1) IS 1) \
             WHERE id = ?3 AND state = 'waiting' AND asked_ms > ?1 - iif(asked_by GLOB 'adaptive:*' AND wish = 'groups', 1500, ?4) \
             AND (wish NOT IN ('flash', 'dark', 'all_red') OR (?2 IS NOT NULL AND ?2 <> asked_by)) \
             AND NOT EXISTS (SELECT 1 FROM signal_order AS other INDEXED BY signal_order_stands \
             WHERE other.junction = signal_order.junction AND other.ends_ms > ?1 \
             AND other.state IN ('sent', 'taken', 'done') AND other.asked_by NOT GLOB 'adaptive:*' \
             AND (signal_order.asked_by GLOB 'adaptive:*' OR (other.asked_by NOT GLOB 'calendar:*' \
             AND ((signal_order.asked_by GLOB 'calendar:*' AND NOT (other.wish = 'own_plan' AND other.state = 'done')) \
             OR (signal_order.asked_by GLOB 'bus_priority:*' AND other.asked_by NOT GLOB 'bus_priority:*' \
             AND NOT (other.wish = 'own_plan' AND other.state = 'done')) \
             OR (other.number > ?5 AND other.purpose <> signal_order.purpose \
             AND other.asked_by NOT GLOB 'bus_priority:*'))))) RETURNING number",
        )
        .bind(at.0)
        .bind(approved_by)
        .bind(clamp(row.id))
        .bind(APPROVE_WITHIN.0)
        .bind(newest.map(clamp))
        .bind(shown)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
        let Some(number) = number else { return Ok(None) };
        if !is_adaptive(&row.order.asked_by) {
            let what = format!("order {} as number {number}: {}", row.id, in_words(&row.order));
            let user = approved_by.unwrap_or(&row.order.asked_by);
            let action = if approved_by.is_some() { "signal_order_approved" } else { "signal_order_sent" };
            audit::insert(&mut tx, &line(at, user, action, &row.order.purpose, what))
                .await
                .map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(Some(number.cast_unsigned()))
    }

    /// Moves an order from one state to another; `false` when it is not in it any more. `user` for the audit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_order(
        &self,
        row: &OrderRow,
        (from, to): (&str, &str),
        user: &str,
        detail: &str,
        at: UtcMillis,
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("writing down what became of a signal order");
        let mut tx = writer.connection.begin_with(BEGIN).await.map_err(&failed)?;
        let done = sqlx::query(
            "UPDATE signal_order SET state = ?, detail = ?, state_ms = ? WHERE id = ? AND state = ?",
        )
        .bind(to)
        .bind(detail)
        .bind(at.0)
        .bind(clamp(row.id))
        .bind(from)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        let moved = done.rows_affected() > 0;
        let adaptive = is_adaptive(&row.order.asked_by);
        if moved && !(adaptive && to == TAKEN) {
            let ordered = if adaptive { format!("{}: ", in_words(&row.order)) } else { String::new() };
            let what = format!("order {}: {ordered}{to} {detail}", row.id);
            let purpose = &row.order.purpose;
            audit::insert(&mut tx, &line(at, user, "signal_order_outcome", purpose, what))
                .await
                .map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(moved)
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn order(&self, id: u64) -> Result<Option<OrderRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM signal_order WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(clamp(id)).fetch_optional(self.readers()).await;
        row.map_err(self.failed("reading a signal order")).map(|row| row.and_then(|row| read(&row).ok()))
    }

    /// Orders, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders(
        &self,
        junction: Option<&str>,
        waiting: bool,
        limit: u32,
    ) -> Result<Vec<OrderRow>, StoreError> {
        // Each by its own index: in one statement for all SQLite would look at every row.
        let which = match (junction, waiting) {
            (None, false) => "?1 IS NULL",
            (None, true) => "?1 IS NULL AND state = 'waiting'",
            (Some(_), false) => "junction = ?1",
            (Some(_), true) => "junction = ?1 AND state = 'waiting'",
        };
        let sql = format!("SELECT {COLUMNS} FROM signal_order WHERE {which} ORDER BY id DESC LIMIT ?2");
        self.order_rows(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(junction).bind(limit)).await
    }

    /// Orders that the hall stands by: sent, and neither over nor refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_in_force(&self, at: UtcMillis) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signal_order WHERE state IN ('sent', 'taken', 'done') AND ends_ms > ? ORDER BY id"
        );
        self.order_rows(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(at.0)).await
    }

    pub(crate) async fn order_rows<'q>(
        &self,
        query: sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let rows = query.fetch_all(self.readers()).await.map_err(self.failed("reading signal orders"))?;
        Ok(rows.iter().filter_map(|row| read(row).ok()).collect())
    }
}

/// What poles told of orders: on the row of each, and a line in the audit.
pub(crate) async fn told(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    for (_, new) in rows {
        let Some(event) = &new.event else { continue };
        if let EventBody::SignalOrder { junction, told } = &event.body {
            one_told(tx, (&new.gateway, junction), event.at, told).await?;
        }
    }
    Ok(())
}

/// Only the pole that the order went to has a say in it.
async fn one_told(
    tx: &mut SqliteConnection,
    (gateway, junction): (&GatewayId, &JunctionId),
    at: UtcMillis,
    told: &OrderTold,
) -> sqlx::Result<()> {
    let row: Option<(i64, String, String, String, String)> = sqlx::query_as(
        "SELECT id, state, asked_by, purpose, wish FROM signal_order WHERE number = ? AND gateway = ? AND junction = ?",
    )
    .bind(clamp(told.number))
    .bind(gateway.as_str())
    .bind(junction.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let Some((id, state, asked_by, purpose, wish)) = row else { return Ok(()) };
    // Events come in order; the hall's own word may be newer than the first of them. What the hall has given up does not
    // come to life again: it does not stand by it, and the pole ends it.
    let (was, is) = (rank(&state), rank(told.step.name()));
    if is > was {
        sqlx::query("UPDATE signal_order SET state = ?, detail = ?, state_ms = ? WHERE id = ?")
            .bind(told.step.name())
            .bind(&told.detail)
            .bind(at.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
    }
    let mut ordered = String::new();
    if is_adaptive(&asked_by) {
        if is <= was || !is_last(told.step, wish == Wanted::OwnPlan.name()) {
            return Ok(());
        }
        let sql = format!("SELECT {COLUMNS} FROM signal_order WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_one(&mut *tx).await?;
        ordered = format!("{}: ", in_words(&read(&row)?.order));
    }
    let what = format!("order {id}: {ordered}{} {}", told.step.name(), told.detail);
    audit::insert(tx, &line(at, &asked_by, "signal_order_outcome", &purpose, what)).await
}

/// Orders of adaptive control have one line in the audit, when they are over: they are many, and the row has the rest.
fn is_adaptive(asked_by: &str) -> bool {
    asked_by.starts_with(ADAPTIVE)
}

/// Whether a pole says no more of an order after this, or may not; the own plan stands nowhere, and so is not ended.
fn is_last(step: Step, own_plan: bool) -> bool {
    match step {
        Step::Refused | Step::Silent | Step::Ended => true,
        Step::Done | Step::Otherwise => own_plan,
        Step::Ending => false,
    }
}

fn rank(state: &str) -> u8 {
    match state {
        WAITING | SENT => 0,
        TAKEN => 1,
        _ if state == Step::Ending.name() => 3,
        _ if state == Step::Ended.name() => 4,
        _ => 2,
    }
}

fn line(at: UtcMillis, user: &str, action: &str, purpose: &str, what: String) -> AuditLine {
    AuditLine { at, user: user.to_owned(), action: action.to_owned(), purpose: purpose.to_owned(), what }
}

fn in_words(order: &NewOrder) -> String {
    let (plan, groups) = parts(&order.wanted);
    let plan = plan.map(|plan| format!(" {plan}")).unwrap_or_default();
    let groups = if groups.is_empty() { groups } else { format!(" {groups}") };
    let NewOrder { junction, wanted, hold, .. } = order;
    format!("junction={junction} wish={}{plan}{groups} hold_s={}", wanted.name(), hold.seconds())
}

fn parts(wanted: &Wanted) -> (Option<i64>, String) {
    match wanted {
        Wanted::Plan(plan) => (Some(i64::from(*plan)), String::new()),
        Wanted::Groups(groups) => (None, groups.to_string()),
        Wanted::Flash | Wanted::Dark | Wanted::AllRed | Wanted::OwnPlan => (None, String::new()),
    }
}

fn read(row: &SqliteRow) -> sqlx::Result<OrderRow> {
    let bad = |what: &str| sqlx::Error::Decode(what.to_owned().into());
    let groups: String = row.try_get("groups")?;
    let index = |number: &str| number.parse::<u16>().ok()?.checked_sub(1).and_then(|i| u8::try_from(i).ok());
    let groups: GroupSet = groups.split_whitespace().filter_map(index).collect();
    let plan: Option<i64> = row.try_get("plan")?;
    let wanted = match row.try_get::<String, _>("wish")?.as_str() {
        "plan" => Wanted::Plan(plan.and_then(|plan| u8::try_from(plan).ok()).ok_or_else(|| bad("plan"))?),
        "groups" => Wanted::Groups(groups),
        "flash" => Wanted::Flash,
        "dark" => Wanted::Dark,
        "all_red" => Wanted::AllRed,
        "own_plan" => Wanted::OwnPlan,
        _ => return Err(bad("wish")),
    };
    let text = |column: &str| row.try_get::<String, _>(column);
    let time = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(UtcMillis));
    Ok(OrderRow {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        order: NewOrder {
            gateway: text("gateway")?.parse().map_err(|_| bad("gateway"))?,
            junction: text("junction")?.parse().map_err(|_| bad("junction"))?,
            wanted,
            hold: DurationMs(row.try_get("hold_ms")?),
            patience: DurationMs(row.try_get("patience_ms")?),
            purpose: text("purpose")?,
            asked_by: text("asked_by")?,
        },
        asked: UtcMillis(row.try_get("asked_ms")?),
        approved_by: row.try_get("approved_by")?,
        number: row.try_get::<Option<i64>, _>("number")?.map(i64::cast_unsigned),
        sent: time("sent_ms")?,
        ends: time("ends_ms")?,
        state: text("state")?,
        detail: text("detail")?,
        state_at: UtcMillis(row.try_get("state_ms")?),
    })
}
