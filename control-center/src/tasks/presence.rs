//! Who is on the bus: each gateway holds a token that vanishes with it.

use std::sync::Arc;

use anyhow::{Context, bail};
use models_wire::keys::{ALL_ALIVE, Key, What};

use crate::hall::Hall;

const WAITING: usize = 2_048;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    hall.store.save_alive(None, false).await?;
    let mut arriving = hall.bus.watch(ALL_ALIVE, WAITING).await.context("watching the gateways")?;
    while let Some(presence) = arriving.recv().await {
        let Some(Key { gateway, what: What::Alive }) = Key::parse(&presence.key) else {
            tracing::warn!(key = presence.key, "a presence on a key that is not ours");
            continue;
        };
        // Going is always believed.
        if presence.alive && !hall.gateways.admit(&gateway) {
            continue;
        }
        tracing::info!(%gateway, alive = presence.alive, "gateway");
        let now = hall.clock.now();
        hall.view.change(now, |city| city.presence(&gateway, presence.alive, now));
        hall.store.save_alive(Some(&gateway), presence.alive).await?;
    }
    bail!("the bus was closed")
}
