//! Fetches the pictures of events that are evidence, as soon as they are stored and until they are here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control_center_store::WantedStill;
use futures_util::future::join_all;
use models_domain::{DurationMs, GatewayId};

use crate::hall::Hall;
use crate::stills::{NoStill, ask_evidence};

const EVERY: Duration = Duration::from_secs(1);
/// Pictures that are looked at in one turn.
const AT_ONCE: u32 = 32;
/// Of a gateway that is away nothing is asked for so long.
const AWAY: DurationMs = DurationMs(5_000);
/// The pause doubles with every try, up to this.
const PAUSE: DurationMs = DurationMs(1_000);
const PAUSE_MAX: DurationMs = DurationMs(600_000);
/// A gateway that answers so often without the picture has lost it: that is about a day.
const TRIES_MAX: u32 = 150;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let mut by_gateway: BTreeMap<GatewayId, Vec<WantedStill>> = BTreeMap::new();
        for wanted in hall.store.wanted_stills(hall.clock.now(), AT_ONCE).await? {
            by_gateway.entry(wanted.gateway.clone()).or_default().push(wanted);
        }
        // One that does not answer keeps no other waiting.
        for fetched in join_all(by_gateway.into_values().map(|wanted| fetch_all(&hall, wanted))).await {
            fetched?;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The pictures of one gateway; of one that is away, or does not answer, no more is asked this time.
async fn fetch_all(hall: &Hall, all: Vec<WantedStill>) -> anyhow::Result<()> {
    for wanted in all {
        if !hall.view.is_alive(&wanted.gateway) {
            return Ok(hall.store.want_all_later(&wanted.gateway, hall.clock.now() + AWAY).await?);
        }
        match ask_evidence(hall, &wanted).await {
            Ok(jpeg) => hall.store.keep_evidence(&wanted, &jpeg, hall.clock.now()).await?,
            Err(why) => {
                not_had(hall, &wanted, &why).await?;
                if matches!(why, NoStill::Away(_) | NoStill::Bus { .. }) {
                    return Ok(hall.store.want_all_later(&wanted.gateway, hall.clock.now() + AWAY).await?);
                }
            }
        }
    }
    Ok(())
}

async fn not_had(hall: &Hall, wanted: &WantedStill, why: &NoStill) -> anyhow::Result<()> {
    let WantedStill { gateway, id, part, tries, .. } = wanted;
    let given_up = *tries >= TRIES_MAX;
    match why {
        NoStill::Another { .. } => tracing::error!("{why}"),
        NoStill::Bus { .. } | NoStill::Away(_) | NoStill::NoneKept if given_up => {
            tracing::error!(%gateway, %id, part, "evidence is lost: {why}");
        }
        NoStill::Bus { .. } | NoStill::Away(_) | NoStill::NoneKept => {
            tracing::debug!(%gateway, %id, part, "evidence is not here yet: {why}");
        }
    }
    let pause = PAUSE.0.saturating_mul(1 << (*tries).min(16)).min(PAUSE_MAX.0);
    let next = (!given_up).then(|| hall.clock.now() + DurationMs(pause));
    let wanted = WantedStill { tries: tries.saturating_add(1), ..wanted.clone() };
    Ok(hall.store.want_again(&wanted, next).await?)
}
