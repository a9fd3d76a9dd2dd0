//! Work orders to mend signal controllers: each step with its line in the audit, together or not at all.

use models_domain::signal::maintenance::{BACK_WITHIN, Fault, Part, State, Step};
use models_domain::{JunctionId, UtcMillis};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::audit::{self, AuditLine};
use crate::errs::StoreError;
use crate::open::{BEGIN, Store};
use crate::signal_faults::{codes, lines, part};

/// What is to be mended, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkOrder {
    pub junction: JunctionId,
    pub part: Part,
    /// Of the fault, as it was when the work order was opened; empty when the hall knew of none.
    pub codes: Vec<String>,
    pub text: String,
    pub priority: u8,
    pub due: UtcMillis,
    /// Who is to do it; empty: nobody yet.
    pub assignee: String,
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrderRow {
    pub id: u64,
    /// As it was opened; `assignee` is who has it now, `note` is empty.
    pub order: NewWorkOrder,
    pub opened: UtcMillis,
    pub opened_by: String,
    pub state: State,
    pub moved: UtcMillis,
    /// Since when it is done or cancelled.
    pub closed: Option<UtcMillis>,
    /// Steps so far.
    pub version: u32,
    /// Of one that is done the first fault of the part that began within [`BACK_WITHIN`] after; else the last before it was closed; and
    /// when that was over.
    pub last_fault: Option<(Fault, Option<UtcMillis>)>,
}

/// A step that somebody took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrderMoveRow {
    pub at: UtcMillis,
    pub user: String,
    /// `open`, or as [`Step::name`] has it.
    pub step: String,
    pub assignee: String,
    pub note: String,
}

/// A step to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrderMove {
    pub id: u64,
    /// Of the work order as it was when the step was decided on.
    pub version: u32,
    pub step: Step,
    pub to: State,
    /// Who has it from then on; empty: nobody.
    pub assignee: String,
    pub note: String,
}

/// What became of opening one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    New(u64),
    /// This one is open for the same part.
    There(u64),
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Yes,
    /// Somebody else was first.
    Meanwhile,
    /// There is an open one for the same part.
    AnotherOpen,
}

#[derive(Debug, Clone, Default)]
pub struct WorkOrderFilter<'a> {
    pub junction: Option<&'a JunctionId>,
    pub assignee: Option<&'a str>,
    /// Also those that were closed since.
    pub closed_since: Option<UtcMillis>,
    /// Only those that are done.
    pub only_done: bool,
}

const SELECT: &str = "SELECT o.id, o.junction, o.kind, o.part, o.codes, o.text, o.priority, o.opened_ms, o.opened_by, o.due_ms, \
                      o.state, o.assignee, o.moved_ms, o.closed_ms, o.version, f.codes AS fault_codes, f.text AS fault_text, \
                      f.priority AS fault_priority, f.began_ms, f.ended_ms FROM work_order o LEFT JOIN signal_fault f ON f.id = \
                      coalesce((SELECT id FROM signal_fault WHERE o.state = 'done' AND junction = o.junction AND kind = o.kind \
                      AND part = o.part AND began_ms > o.closed_ms AND began_ms <= o.closed_ms + ?1 ORDER BY began_ms LIMIT 1), \
                      (SELECT id FROM signal_fault WHERE junction = o.junction AND kind = o.kind AND part = o.part \
                      AND began_ms <= coalesce(o.closed_ms, ?2) ORDER BY began_ms DESC, id DESC LIMIT 1))";

impl Store {
    /// Opens a work order, unless there is an open one for the same part. `line` gets its number before its text. When this
    /// returns `Ok`, it survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_work_order(&self, new: &NewWorkOrder, line: &AuditLine) -> Result<Opened, StoreError> {
        let mut writer = self.writer().await?;
        let opened = open(&mut writer.connection, new, line).await;
        let opened = opened.map_err(self.failed("opening a work order"))?;
        writer.good();
        Ok(opened)
    }

    /// Takes a step, unless somebody took another meanwhile. When this returns `Ok`, it survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_work_order(&self, step: &WorkOrderMove, line: &AuditLine) -> Result<Moved, StoreError> {
        let mut writer = self.writer().await?;
        let moved = match take_step(&mut writer.connection, step, line).await {
            Err(err) if is_taken(&err) => Moved::AnotherOpen,
            done => done.map_err(self.failed("moving a work order"))?,
        };
        writer.good();
        Ok(moved)
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn work_orders(
        &self,
        filter: &WorkOrderFilter<'_>,
        limit: u32,
    ) -> Result<Vec<WorkOrderRow>, StoreError> {
        let which = match filter.closed_since {
            Some(_) if filter.only_done => "o.closed_ms >= ?5 AND o.state = 'done'",
            Some(_) => "(o.closed_ms IS NULL OR o.closed_ms >= ?5)",
            None => "o.closed_ms IS NULL",
        };
        let sql = format!(
            "{SELECT} WHERE {which} AND (?3 IS NULL OR o.junction = ?3) AND (?4 IS NULL OR o.assignee = ?4) \
             ORDER BY o.id DESC LIMIT ?6"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(BACK_WITHIN.0)
            .bind(i64::MAX)
            .bind(filter.junction.map(JunctionId::as_str))
            .bind(filter.assignee)
            .bind(filter.closed_since.map(|at| at.0))
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(self.failed("reading work orders"))?;
        let rows = rows.iter().filter_map(|row| work_order(row).transpose());
        rows.collect::<sqlx::Result<_>>().map_err(self.failed("reading work orders"))
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn work_order(&self, id: u64) -> Result<Option<WorkOrderRow>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let sql = format!("{SELECT} WHERE o.id = ?3");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(BACK_WITHIN.0)
            .bind(i64::MAX)
            .bind(id)
            .fetch_optional(self.readers())
            .await;
        let row = row.map_err(self.failed("reading a work order"))?;
        let row = row.as_ref().map(work_order).transpose();
        Ok(row.map_err(self.failed("reading a work order"))?.flatten())
    }

    /// Every step, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn work_order_moves(&self, id: u64) -> Result<Vec<WorkOrderMoveRow>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(Vec::new()) };
        let rows: Vec<(i64, String, String, String, String)> = sqlx::query_as(
            "SELECT at_ms, user, step, assignee, note FROM work_order_step WHERE work_order = ? ORDER BY id",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading the steps of a work order"))?;
        let row = |(at, user, step, assignee, note)| WorkOrderMoveRow {
            at: UtcMillis(at),
            user,
            step,
            assignee,
            note,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Forgets those that were closed before a moment; the audit says what they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_work_orders(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM work_order WHERE closed_ms < ?")
            .bind(before.0)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("forgetting work orders"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}

/// Only one open work order for a part.
fn is_taken(err: &sqlx::Error) -> bool {
    err.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

async fn open(
    connection: &mut SqliteConnection,
    new: &NewWorkOrder,
    line: &AuditLine,
) -> sqlx::Result<Opened> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let there: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM work_order WHERE junction = ? AND kind = ? AND part = ? AND closed_ms IS NULL",
    )
    .bind(new.junction.as_str())
    .bind(new.part.kind.name())
    .bind(&new.part.name)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(id) = there {
        return Ok(Opened::There(id.cast_unsigned()));
    }
    let state = if new.assignee.is_empty() { State::Open } else { State::Taken };
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO work_order (junction, kind, part, codes, text, priority, opened_ms, opened_by, due_ms, state, \
         assignee, moved_ms, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
    )
    .bind(new.junction.as_str())
    .bind(new.part.kind.name())
    .bind(&new.part.name)
    .bind(lines(&new.codes))
    .bind(&new.text)
    .bind(new.priority)
    .bind(line.at.0)
    .bind(&line.user)
    .bind(new.due.0)
    .bind(state.name())
    .bind(&new.assignee)
    .bind(line.at.0)
    .fetch_one(&mut *tx)
    .await?;
    step_row(&mut tx, id, line, "open", (&new.assignee, &new.note)).await?;
    tx.commit().await?;
    Ok(Opened::New(id.cast_unsigned()))
}

async fn take_step(
    connection: &mut SqliteConnection,
    step: &WorkOrderMove,
    line: &AuditLine,
) -> sqlx::Result<Moved> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let id = i64::try_from(step.id).unwrap_or(i64::MAX);
    // A note on one that is closed leaves it closed since when it was.
    let closed = (!step.to.is_open()).then_some(line.at.0);
    let done = sqlx::query(
        "UPDATE work_order SET closed_ms = CASE WHEN ?1 IS NOT NULL AND state = ?2 THEN closed_ms ELSE ?1 END, state = ?2, \
         assignee = ?3, moved_ms = ?4, version = version + 1 WHERE id = ?5 AND version = ?6",
    )
    .bind(closed)
    .bind(step.to.name())
    .bind(&step.assignee)
    .bind(line.at.0)
    .bind(id)
    .bind(step.version)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Moved::Meanwhile);
    }
    step_row(&mut tx, id, line, step.step.name(), (&step.assignee, &step.note)).await?;
    tx.commit().await?;
    Ok(Moved::Yes)
}

async fn step_row(
    tx: &mut SqliteConnection,
    id: i64,
    line: &AuditLine,
    step: &str,
    (assignee, note): (&str, &str),
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO work_order_step (work_order, at_ms, user, step, assignee, note) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(line.at.0)
    .bind(&line.user)
    .bind(step)
    .bind(assignee)
    .bind(note)
    .execute(&mut *tx)
    .await?;
    let line = AuditLine { what: format!("work_order={id} {}", line.what), ..line.clone() };
    audit::insert(tx, &line).await
}

/// `None`: of a junction, kind or state that this build has no name for.
fn work_order(row: &SqliteRow) -> sqlx::Result<Option<WorkOrderRow>> {
    let Ok(junction) = row.try_get::<String, _>("junction")?.parse() else { return Ok(None) };
    let (Some(part), Some(state)) = (part(row)?, State::from_name(row.try_get("state")?)) else {
        return Ok(None);
    };
    let at = |name: &str| row.try_get::<i64, _>(name).map(UtcMillis);
    let maybe = |name: &str| row.try_get::<Option<i64>, _>(name).map(|at| at.map(UtcMillis));
    let last_fault = match maybe("began_ms")? {
        Some(began) => {
            let fault = Fault {
                part: part.clone(),
                codes: codes(row.try_get("fault_codes")?),
                text: row.try_get("fault_text")?,
                priority: row.try_get("fault_priority")?,
                began,
            };
            Some((fault, maybe("ended_ms")?))
        }
        None => None,
    };
    let order = NewWorkOrder {
        junction,
        part,
        codes: codes(row.try_get("codes")?),
        text: row.try_get("text")?,
        priority: row.try_get("priority")?,
        due: at("due_ms")?,
        assignee: row.try_get("assignee")?,
        note: String::new(),
    };
    Ok(Some(WorkOrderRow {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        order,
        opened: at("opened_ms")?,
        opened_by: row.try_get("opened_by")?,
        state,
        moved: at("moved_ms")?,
        closed: maybe("closed_ms")?,
        version: row.try_get("version")?,
        last_fault,
    }))
}
