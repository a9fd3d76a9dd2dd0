//! Pictures of events that are evidence: which are still wanted, and those that were fetched.

use models_domain::{EventBody, EventId, GatewayId, Seq, UtcMillis};
use sqlx::{Connection, SqliteConnection};

use crate::errs::StoreError;
use crate::ingest::{NewEvent, picked};
use crate::open::{BEGIN, Store};
use crate::rows::clamp;

/// Pictures that are forgotten in one transaction.
const AT_ONCE: i64 = 100;

/// A picture that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedStill {
    pub gateway: GatewayId,
    pub id: EventId,
    pub part: u8,
    /// Of the JPEG, as its event told.
    pub sha256: Vec<u8>,
    /// How often it was asked for in vain.
    pub tries: u32,
}

impl Store {
    /// How many pictures are wanted, those too whose time to be asked for again has not come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_wanted_stills(&self) -> Result<u64, StoreError> {
        let count =
            sqlx::query_scalar("SELECT count(*) FROM evidence_wanted").fetch_one(self.readers()).await;
        count.map(i64::cast_unsigned).map_err(self.failed("counting which evidence is wanted"))
    }

    /// Pictures whose time to be asked for has come, those first that wait longest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wanted_stills(&self, now: UtcMillis, count: u32) -> Result<Vec<WantedStill>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT gateway, boot, seq, part, sha256, tries FROM evidence_wanted WHERE next_ms <= ? \
             ORDER BY next_ms LIMIT ?",
        )
        .bind(now.0)
        .bind(count)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading which evidence is wanted"))?;
        let row = |(gateway, boot, seq, part, sha256, tries): (String, i64, i64, i64, Vec<u8>, i64)| {
            Some(WantedStill {
                gateway: gateway.parse().ok()?,
                id: EventId { boot: boot.cast_unsigned(), seq: Seq(seq.cast_unsigned()) },
                part: u8::try_from(part).ok()?,
                sha256,
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
            })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// What a picture must be that is not fetched yet; `None` when it is not one of evidence, or is here, or was given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wanted_still(
        &self,
        gateway: &GatewayId,
        id: EventId,
        part: u8,
    ) -> Result<Option<WantedStill>, StoreError> {
        let row: Option<(Vec<u8>, i64)> = sqlx::query_as(
            "SELECT sha256, tries FROM evidence_wanted WHERE gateway = ? AND boot = ? AND seq = ? AND part = ?",
        )
        .bind(gateway.as_str())
        .bind(clamp(id.boot))
        .bind(clamp(id.seq.0))
        .bind(part)
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("reading which evidence is wanted"))?;
        let tries = |tries| u32::try_from(tries).unwrap_or(u32::MAX);
        let wanted =
            |(sha256, n)| WantedStill { gateway: gateway.clone(), id, part, sha256, tries: tries(n) };
        Ok(row.map(wanted))
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn evidence(
        &self,
        gateway: &GatewayId,
        id: EventId,
        part: u8,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar(
            "SELECT jpeg FROM evidence WHERE gateway = ? AND boot = ? AND seq = ? AND part = ?",
        )
        .bind(gateway.as_str())
        .bind(clamp(id.boot))
        .bind(clamp(id.seq.0))
        .bind(part)
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("reading evidence"))
    }

    /// Keeps a picture that was wanted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_evidence(
        &self,
        wanted: &WantedStill,
        jpeg: &[u8],
        now: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let kept = keep(&mut writer.connection, wanted, jpeg, now).await;
        kept.map_err(self.failed("keeping evidence"))?;
        writer.good();
        Ok(())
    }

    /// Nothing is asked of a gateway before then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn want_all_later(&self, gateway: &GatewayId, next: UtcMillis) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("UPDATE evidence_wanted SET next_ms = ?2 WHERE gateway = ?1 AND next_ms < ?2")
            .bind(gateway.as_str())
            .bind(next.0)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("noting that a gateway is away"))?;
        writer.good();
        Ok(())
    }

    /// Forgets some of the oldest pictures while all of them are larger than so many bytes; how many went. Zero: there is room.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_evidence(&self, max_bytes: u64) -> Result<u64, StoreError> {
        let bytes: i64 =
            sqlx::query_scalar("SELECT coalesce(sum(bytes), 0) FROM evidence INDEXED BY evidence_bytes")
                .fetch_one(self.readers())
                .await
                .map_err(self.failed("adding up the evidence"))?;
        if bytes <= clamp(max_bytes) {
            return Ok(0);
        }
        let mut writer = self.writer().await?;
        let done = make_room(&mut writer.connection, bytes - clamp(max_bytes)).await;
        let gone = done.map_err(self.failed("forgetting evidence"))?;
        writer.good();
        Ok(gone)
    }

    /// It was not to be had: it is asked for again at `next`, or never. `wanted.tries` is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn want_again(&self, wanted: &WantedStill, next: Option<UtcMillis>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let done = match next {
            Some(next) => again(&mut writer.connection, wanted, next).await,
            None => forget(&mut writer.connection, wanted).await,
        };
        done.map_err(self.failed("noting that evidence was not to be had"))?;
        writer.good();
        Ok(())
    }
}

/// The pictures of new events.
pub(crate) async fn want(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let runs = picked(rows, |body| if let EventBody::RedLight { run, .. } = body { Some(run) } else { None });
    for (row, _, run) in runs {
        let Some((_, new)) = rows.iter().find(|(id, _)| *id == row) else { continue };
        for (part, still) in (0_u8..).zip(&run.stills) {
            sqlx::query("INSERT OR IGNORE INTO evidence_wanted VALUES (?, ?, ?, ?, ?, 0, 0)")
                .bind(new.gateway.as_str())
                .bind(clamp(new.boot))
                .bind(clamp(new.seq))
                .bind(part)
                .bind(&still.sha256[..])
                .execute(&mut *tx)
                .await?;
        }
    }
    Ok(())
}

async fn keep(
    connection: &mut SqliteConnection,
    wanted: &WantedStill,
    jpeg: &[u8],
    now: UtcMillis,
) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    sqlx::query("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(wanted.gateway.as_str())
        .bind(clamp(wanted.id.boot))
        .bind(clamp(wanted.id.seq.0))
        .bind(wanted.part)
        .bind(now.0)
        .bind(jpeg)
        .bind(i64::try_from(jpeg.len()).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
    forget(&mut tx, wanted).await?;
    tx.commit().await
}

async fn make_room(connection: &mut SqliteConnection, bytes: i64) -> sqlx::Result<u64> {
    let mut tx = connection.begin_with(BEGIN).await?;
    // Oldest first, each with what is left from it on.
    let gone = sqlx::query(
        "DELETE FROM evidence WHERE rowid IN (SELECT rowid FROM (SELECT rowid, sum(bytes) OVER (ORDER BY rowid) - \
         bytes AS before FROM (SELECT rowid, bytes FROM evidence ORDER BY rowid LIMIT ?)) WHERE before < ?)",
    )
    .bind(AT_ONCE)
    .bind(bytes)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}

async fn again(tx: &mut SqliteConnection, wanted: &WantedStill, next: UtcMillis) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE evidence_wanted SET tries = ?, next_ms = ? \
         WHERE gateway = ? AND boot = ? AND seq = ? AND part = ?",
    )
    .bind(wanted.tries)
    .bind(next.0)
    .bind(wanted.gateway.as_str())
    .bind(clamp(wanted.id.boot))
    .bind(clamp(wanted.id.seq.0))
    .bind(wanted.part)
    .execute(tx)
    .await
    .map(drop)
}

async fn forget(tx: &mut SqliteConnection, wanted: &WantedStill) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM evidence_wanted WHERE gateway = ? AND boot = ? AND seq = ? AND part = ?")
        .bind(wanted.gateway.as_str())
        .bind(clamp(wanted.id.boot))
        .bind(clamp(wanted.id.seq.0))
        .bind(wanted.part)
        .execute(tx)
        .await
        .map(drop)
}
