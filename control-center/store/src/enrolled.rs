//! Which gateways may speak on the bus, and with which certificate.

use models_domain::{GatewayId, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;

/// A gateway that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledRow {
    pub gateway: GatewayId,
    /// The common name of the one certificate that is good.
    pub certificate: String,
    pub enrolled: UtcMillis,
    /// Since when it may not speak any more.
    pub revoked: Option<UtcMillis>,
}

impl Store {
    /// From now on `gateway` may speak with this certificate, and with no earlier one; a revoked one may again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrol(
        &self,
        gateway: &GatewayId,
        certificate: &str,
        at: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "INSERT INTO gateway (gateway, certificate, enrolled_ms, revoked_ms) VALUES (?, ?, ?, NULL) \
             ON CONFLICT (gateway) DO UPDATE SET certificate = excluded.certificate, \
             enrolled_ms = excluded.enrolled_ms, revoked_ms = NULL",
        )
        .bind(gateway.as_str())
        .bind(certificate)
        .bind(at.0)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("enrolling a gateway"))?;
        writer.good();
        Ok(())
    }

    /// `gateway` may not speak any more. Whether it could before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, gateway: &GatewayId, at: UtcMillis) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("UPDATE gateway SET revoked_ms = ? WHERE gateway = ? AND revoked_ms IS NULL")
            .bind(at.0)
            .bind(gateway.as_str())
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("revoking a gateway"))?;
        writer.good();
        Ok(done.rows_affected() > 0)
    }

    /// Every gateway that was ever enrolled, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateways(&self) -> Result<Vec<EnrolledRow>, StoreError> {
        let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT gateway, certificate, enrolled_ms, revoked_ms FROM gateway ORDER BY gateway",
        )
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading which gateways are enrolled"))?;
        let row = |(gateway, certificate, enrolled, revoked): (String, String, i64, Option<i64>)| {
            Some(EnrolledRow {
                gateway: gateway.parse().ok()?,
                certificate,
                enrolled: UtcMillis(enrolled),
                revoked: revoked.map(UtcMillis),
            })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::open;

    #[tokio::test]
    async fn only_the_last_certificate_is_good_and_revoking_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        let pole: GatewayId = "pole-1".parse().unwrap();
        assert_eq!(store.gateways().await.unwrap(), []);
        assert!(!store.revoke(&pole, UtcMillis(1)).await.unwrap());
        store.enrol(&pole, "pole-1.1", UtcMillis(2)).await.unwrap();
        store.enrol(&pole, "pole-1.2", UtcMillis(3)).await.unwrap();
        let row = |revoked| EnrolledRow {
            gateway: pole.clone(),
            certificate: "pole-1.2".into(),
            enrolled: UtcMillis(3),
            revoked,
        };
        assert_eq!(store.gateways().await.unwrap(), [row(None)]);
        assert!(store.revoke(&pole, UtcMillis(4)).await.unwrap());
        assert!(!store.revoke(&pole, UtcMillis(5)).await.unwrap());
        assert_eq!(store.gateways().await.unwrap(), [row(Some(UtcMillis(4)))]);
        let other = "pole-2".parse().unwrap();
        assert!(store.enrol(&other, "pole-1.2", UtcMillis(6)).await.is_err(), "a name is one gateway's");
        store.close().await;
    }
}
