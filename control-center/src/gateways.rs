//! Who may speak: the enrolled gateways as the hall knows them now, and the access rules made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use control_center_store::{Store, StoreError};
use hardware_bus::{Access, Grant, Grants};
use models_domain::GatewayId;
use models_wire::keys::{HALL_HEARS, own_keys};

/// The certificate of each gateway that may speak.
pub type Admitted = BTreeMap<GatewayId, String>;

/// Asked for each message, besides the bus's own rules: those are read only when the bus is opened.
#[derive(Default)]
pub struct Gateways {
    admitted: RwLock<Admitted>,
    /// Refused, and told of so.
    refused: RwLock<BTreeSet<GatewayId>>,
}

impl Gateways {
    pub fn new(admitted: Admitted) -> Self {
        Self { admitted: RwLock::new(admitted), refused: RwLock::default() }
    }

    /// Whether what comes in the name of `gateway` is taken. Refusals are told once each.
    pub fn admit(&self, gateway: &GatewayId) -> bool {
        if self.admitted.read().unwrap_or_else(PoisonError::into_inner).contains_key(gateway) {
            return true;
        }
        if self.refused.write().unwrap_or_else(PoisonError::into_inner).insert(gateway.clone()) {
            tracing::warn!(%gateway, "what it tells is refused: it is not enrolled or was revoked");
        }
        false
    }

    pub fn now(&self) -> Admitted {
        self.admitted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn change(&self, admitted: Admitted) {
        self.refused.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.admitted.write().unwrap_or_else(PoisonError::into_inner) = admitted;
    }
}

/// Reads who may speak.
///
/// # Errors
/// [`StoreError`].
pub async fn read(store: &Store) -> Result<Admitted, StoreError> {
    let rows = store.gateways().await?.into_iter().filter(|row| row.revoked.is_none());
    Ok(rows.map(|row| (row.gateway, row.certificate)).collect())
}

/// Each certificate may use its own gateway's keys only.
pub fn access(admitted: &Admitted) -> Access {
    let grant = |(gateway, certificate): (&GatewayId, &String)| Grant {
        certificate: certificate.clone(),
        prefix: own_keys(gateway),
    };
    Access::Granted(Grants {
        hall_hears: HALL_HEARS.iter().map(ToString::to_string).collect(),
        gateways: admitted.iter().map(grant).collect(),
    })
}
