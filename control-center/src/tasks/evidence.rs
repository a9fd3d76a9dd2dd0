//! Fetches the pictures of events that are evidence, as soon as they are stored and until they are here.

use std::sync::Arc;
use std::time::Duration;

use control_center_store::WantedStill;
use models_domain::DurationMs;

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
        for wanted in hall.store.wanted_stills(hall.clock.now(), AT_ONCE).await? {
            fetch(&hall, &wanted).await?;
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn fetch(hall: &Hall, wanted: &WantedStill) -> anyhow::Result<()> {
    if !hall.view.is_alive(&wanted.gateway) {
        return Ok(hall.store.want_again(wanted, Some(hall.clock.now() + AWAY)).await?);
    }
    let why = match ask_evidence(hall, wanted).await {
        Ok(jpeg) => return Ok(hall.store.keep_evidence(wanted, &jpeg, hall.clock.now()).await?),
        Err(why) => why,
    };
    let WantedStill { gateway, id, part, tries, .. } = wanted;
    let given_up = *tries >= TRIES_MAX;
    match &why {
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
