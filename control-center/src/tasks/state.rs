//! What each gateway says of itself, every few seconds: shown at once, kept when it changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use control_center_core::city::{Change, GatewayState, links_up};
use control_center_store::StateRow;
use hardware_ports::bus::Message;
use models_domain::{DurationMs, GatewayId, UtcMillis};
use models_wire::convert::event::fix_from_wire;
use models_wire::keys::{ALL_STATES, Key, What};
use models_wire::v1;
use prost::Message as _;
use v1::event::Body;

use crate::convert;
use crate::hall::Hall;

const WAITING: usize = 2_048;
/// An unchanged state is written again after so long, for the time it was heard.
const WRITE_EVERY: DurationMs = DurationMs(60_000);
/// After a restart, vehicles that were heard so recently are on the map at once.
const VEHICLES_SHOWN: DurationMs = DurationMs(3_600_000);

/// What was written last, when, and which claims were told of.
type Written = BTreeMap<GatewayId, (GatewayState, UtcMillis, Vec<String>)>;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut arriving = hall.bus.subscribe(ALL_STATES, WAITING).await.context("listening to states")?;
    let mut written = Written::new();
    while let Some(message) = arriving.recv().await {
        match read(&message) {
            Ok((gateway, _)) if !hall.gateways.admit(&gateway) => {}
            Ok((gateway, state)) => take(&hall, &mut written, gateway, state, &message.payload).await,
            Err(err) => tracing::warn!(key = message.key, "a state that cannot be read: {err:#}"),
        }
    }
    bail!("the bus was closed")
}

/// The map as it was before the hall stopped, until the gateways speak again.
pub async fn restore(hall: &Hall) -> anyhow::Result<()> {
    for saved in hall.store.states().await? {
        if !hall.gateways.admit(&saved.gateway) {
            continue;
        }
        let state = v1::GatewayState::decode(&saved.payload[..])
            .context("decoding")
            .and_then(|state| convert::state(state).context("reading"));
        match state {
            Ok(state) => hall.view.change(saved.heard, |city| city.state(&saved.gateway, state, saved.heard)),
            Err(err) => tracing::warn!(gateway = %saved.gateway, "the kept state is left out: {err:#}"),
        }
    }
    let since = hall.clock.now() - VEHICLES_SHOWN;
    for (gateway, payload) in hall.store.last_fixes(since).await? {
        let Ok(gateway) = gateway.parse::<GatewayId>() else { continue };
        let Ok(v1::Event { body: Some(Body::Fix(fix)), .. }) = v1::Event::decode(&payload[..]) else {
            continue;
        };
        if let Ok(fix) = fix_from_wire(fix) {
            let received = fix.received;
            hall.view.change(received, |city| {
                city.fix(&gateway, &fix, received).map(Change::Vehicle).into_iter().collect()
            });
        }
    }
    Ok(())
}

fn read(message: &Message) -> anyhow::Result<(GatewayId, GatewayState)> {
    let key =
        Key::parse(&message.key).filter(|key| key.what == What::State).context("the key is not ours")?;
    let state = v1::GatewayState::decode(&message.payload[..]).context("decoding")?;
    Ok((key.gateway, convert::state(state)?))
}

async fn take(
    hall: &Hall,
    written: &mut Written,
    gateway: GatewayId,
    mut state: GatewayState,
    payload: &[u8],
) {
    let now = hall.clock.now();
    hall.view.change(now, |city| city.state(&gateway, state.clone(), now));
    // After a restart too they are the other gateway's.
    let claims = hall.view.claims(&gateway);
    if !claims.is_empty() && written.get(&gateway).is_none_or(|(_, _, told)| *told != claims) {
        tracing::warn!(
            %gateway, ?claims,
            "it tells what another gateway has, and is not believed: take them out of one's configuration, or revoke the one that is gone"
        );
    }
    let cleared = without(&claims, payload);
    let payload = cleared.as_deref().unwrap_or(payload);
    state.cameras.retain(|camera| !claims.iter().any(|claim| claim == camera.id.as_str()));
    state.junctions.retain(|junction| !claims.iter().any(|claim| claim == junction.id.as_str()));
    let steady = steady(&state);
    let fresh = written
        .get(&gateway)
        .is_some_and(|(was, at, _)| *was == steady && (DurationMs(0)..WRITE_EVERY).contains(&now.since(*at)));
    if !fresh {
        let (cameras_up, junctions_up) = links_up(&state);
        let row = StateRow { gateway: &gateway, heard: now, cameras_up, junctions_up, payload };
        match hall.store.save_state(&row).await {
            Ok(()) => drop(written.insert(gateway.clone(), (steady, now, claims))),
            // Shown all the same; written with the next one.
            Err(err) => tracing::warn!("{:#}", anyhow::Error::from(err)),
        }
    }
}

/// The state as it came, less what another gateway has; `None`: it is all its own.
fn without(claims: &[String], payload: &[u8]) -> Option<Vec<u8>> {
    let mut state = v1::GatewayState::decode(payload).ok().filter(|_| !claims.is_empty())?;
    state.cameras.retain(|camera| !claims.contains(&camera.camera));
    state.junctions.retain(|junction| !claims.contains(&junction.junction));
    Some(state.encode_to_vec())
}

/// Without what changes at every report.
fn steady(state: &GatewayState) -> GatewayState {
    let mut steady = GatewayState { at: UtcMillis(0), waiting: 0, ..state.clone() };
    for camera in &mut steady.cameras {
        camera.fps = 0.0;
    }
    for junction in &mut steady.junctions {
        junction.groups.clear();
        junction.now.clock_ahead = None;
    }
    steady
}
