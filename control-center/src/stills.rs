//! Pictures of events, asked of the gateway that kept them; those that are evidence must be the ones their event was told
//! with.

use std::time::Duration;

use control_center_store::WantedStill;
use models_domain::{EventId, GatewayId};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::hall::Hall;

/// How long a pole may take to find a still on its disk.
const PATIENCE: Duration = Duration::from_secs(5);
const STILL_MAX: usize = 16 * 1024 * 1024;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum NoStill {
    #[error("gateway {gateway} cannot be asked: {why}")]
    Bus { gateway: GatewayId, why: String },
    #[error("gateway {0} cannot be reached; try again when it is back")]
    Away(GatewayId),
    #[error("the gateway kept no picture of this event")]
    NoneKept,
    #[error(
        "what gateway {gateway} calls picture {part} of event {id} is not the picture that the event was told with: \
         find out who changed it"
    )]
    Another { gateway: GatewayId, id: EventId, part: u8 },
}

/// Asks the gateway.
///
/// # Errors
/// [`NoStill`].
pub async fn ask(hall: &Hall, gateway: &GatewayId, id: EventId, part: u8) -> Result<Vec<u8>, NoStill> {
    ask_with(hall, gateway, (id, part), &v1::StillRequest::default()).await
}

async fn ask_with(
    hall: &Hall,
    gateway: &GatewayId,
    (id, part): (EventId, u8),
    asked: &v1::StillRequest,
) -> Result<Vec<u8>, NoStill> {
    let key = Key::new(gateway, What::Still(id, part)).to_string();
    let begun = hall.clock.elapsed();
    let answers = hall.bus.ask(&key, asked.encode_to_vec(), PATIENCE).await;
    let answers = answers.map_err(|e| NoStill::Bus { gateway: gateway.clone(), why: e.to_string() })?;
    let answers = answers.into_iter().filter(|a| a.key == key && a.payload.len() <= STILL_MAX);
    let mut stills = answers.filter_map(|a| v1::Still::decode(&a.payload[..]).ok());
    match stills.find(|still| !still.jpeg.is_empty()) {
        Some(still) => Ok(still.jpeg),
        None => {
            let waited = hall.clock.elapsed().saturating_sub(begun) >= PATIENCE;
            let away = waited || !hall.view.is_alive(gateway);
            Err(if away { NoStill::Away(gateway.clone()) } else { NoStill::NoneKept })
        }
    }
}

/// The same for a picture that is evidence.
///
/// # Errors
/// [`NoStill`]; [`NoStill::Another`] when it is not the one that its event was told with.
pub async fn ask_evidence(hall: &Hall, wanted: &WantedStill) -> Result<Vec<u8>, NoStill> {
    let asked = v1::StillRequest { sha256: wanted.sha256.clone() };
    let jpeg = ask_with(hall, &wanted.gateway, (wanted.id, wanted.part), &asked).await?;
    if Sha256::digest(&jpeg)[..] == wanted.sha256[..] {
        return Ok(jpeg);
    }
    Err(NoStill::Another { gateway: wanted.gateway.clone(), id: wanted.id, part: wanted.part })
}
