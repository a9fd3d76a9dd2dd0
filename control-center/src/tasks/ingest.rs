//! Events from the bus into the store, then "stored up to" back to each gateway. Nothing is confirmed that is not on the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_center_core::ingest::{Batch, Ingest, Run};
use control_center_store::{Commit, Gap, Kind, NewEvent, StoreError};
use hardware_ports::bus::{Delivery, Message};
use models_domain::{Event, EventBody, GatewayId, Seq, UtcMillis};
use models_wire::convert::event::from_wire;
use models_wire::keys::{ALL_EVENTS, Key, What};
use models_wire::raw::RawEventBatch;
use models_wire::v1;
use prost::Message as _;
use tokio::sync::mpsc::Receiver;

use crate::api::is_listed;
use crate::hall::Hall;

/// Batches that may wait; more are thrown away and come again: the poles keep them.
const WAITING: usize = 256;
/// A transaction is begun when so many events are there, or so long after the first.
const EVENTS: usize = 1_000;
const GATHER: Duration = Duration::from_millis(100);
/// After a failed transaction.
const PAUSE: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut arriving = hall.bus.subscribe(ALL_EVENTS, WAITING).await.context("listening to events")?;
    let stored = hall.store.progress().await.context("beginning to take events")?;
    let stored = stored.into_iter().map(|(gateway, boot, seq)| (Run { gateway, boot }, Seq(seq)));
    let mut ingest = Ingest::new(stored);
    loop {
        let commit = gather(&hall, &mut ingest, &mut arriving).await?;
        hall.noted.batches(arriving.len());
        match hall.store.store(&commit).await {
            Ok(()) => {
                hall.view.problem("");
                confirm(&hall, &mut ingest).await;
                show(&hall, commit);
            }
            Err(err) => {
                ingest.failed();
                let broken = err.kind() == Kind::Broken;
                tell(&hall, err);
                tokio::time::sleep(if broken { 10 * PAUSE } else { PAUSE }).await;
            }
        }
    }
}

fn tell(hall: &Hall, err: StoreError) {
    let text = format!("{:#}", anyhow::Error::from(err));
    hall.view.problem(&text);
    tracing::error!("{text}; nothing is confirmed until it works again, the poles keep their events");
}

/// What to store next: at least one batch was offered.
async fn gather(
    hall: &Hall,
    ingest: &mut Ingest,
    arriving: &mut Receiver<Message>,
) -> anyhow::Result<Commit> {
    let mut commit = Commit::default();
    let first = arriving.recv().await.context("the bus was closed")?;
    let until = tokio::time::Instant::now() + GATHER;
    let mut next = Some(first);
    while let Some(message) = next {
        match read(&message) {
            Ok(batch) if hall.gateways.admit(&batch.run.gateway) => offer(hall, ingest, batch, &mut commit),
            // Told once; nothing is confirmed.
            Ok(_) => {}
            Err(err) => {
                tracing::warn!(key = message.key, "a batch that cannot be read is left to its pole: {err:#}")
            }
        }
        if commit.events.len() >= EVENTS {
            break;
        }
        next = tokio::time::timeout_at(until, arriving.recv()).await.ok().flatten();
    }
    commit.at = hall.clock.now();
    commit.followed_from = hall.transit.day_begin(commit.at);
    Ok(commit)
}

fn offer(hall: &Hall, ingest: &mut Ingest, batch: Batch<Packed>, commit: &mut Commit) {
    let run = batch.run.clone();
    let verdict = ingest.offer(batch);
    if let Some((from, to)) = verdict.lost {
        tracing::error!(
            gateway = %run.gateway, boot = run.boot, from = from.0, to = to.0,
            "events that a hall once confirmed are not in this database: it was lost or set back"
        );
        commit.gaps.push(Gap { gateway: run.gateway.clone(), boot: run.boot, from: from.0, to: to.0 });
    }
    tracing::trace!(
        gateway = %run.gateway, boot = run.boot, took = verdict.take.len(),
        repeats = verdict.repeats, beyond = verdict.beyond, at = hall.clock.now().0, "a batch"
    );
    commit.events.extend(verdict.take.into_iter().map(|(seq, packed)| NewEvent {
        gateway: run.gateway.clone(),
        boot: run.boot,
        seq: seq.0,
        payload: packed.payload,
        event: packed.event,
    }));
}

struct Packed {
    payload: Vec<u8>,
    /// `None` when this build cannot read it.
    event: Option<Event>,
}

fn read(message: &Message) -> anyhow::Result<Batch<Packed>> {
    let key =
        Key::parse(&message.key).filter(|key| key.what == What::Events).context("the key is not ours")?;
    let raw = RawEventBatch::decode(&message.payload[..]).context("reading the batch")?;
    let fits = |n: u64| i64::try_from(n).is_ok();
    anyhow::ensure!(fits(raw.boot), "boot {} is too big", raw.boot);
    let mut events = Vec::with_capacity(raw.events.len());
    for payload in raw.events {
        let event = v1::Event::decode(&payload[..]).context("reading an event of the batch")?;
        let seq = event.seq;
        anyhow::ensure!((1..=i64::MAX.cast_unsigned()).contains(&seq), "seq {seq} is no number of an event");
        let event = match from_wire(raw.boot, event) {
            Ok(event) => Some(event),
            Err(err) => {
                tracing::warn!(gateway = %key.gateway, boot = raw.boot, seq, "kept unread: {err}");
                None
            }
        };
        events.push((Seq(seq), Packed { payload, event }));
    }
    let run = Run { gateway: key.gateway, boot: raw.boot };
    Ok(Batch { run, oldest_kept: Seq(raw.oldest_kept), events })
}

/// Tells every gateway that was heard how far it is stored; one that misses it sends again and is told again.
async fn confirm(hall: &Hall, ingest: &mut Ingest) {
    for (run, seq) in ingest.committed() {
        let key = Key::new(&run.gateway, What::Stored).to_string();
        let stored = v1::StoredUpTo { boot: run.boot, seq: seq.0 };
        // A pole whose link is full must not hold up the others.
        if let Err(err) = hall.bus.publish(&key, stored.encode_to_vec(), Delivery::NewestWins).await {
            tracing::debug!("confirming: {err}");
        }
    }
}

/// Shows viewers what is stored now.
fn show(hall: &Hall, commit: Commit) {
    let now = commit.at;
    hall.transit.offer(commit.events.iter().filter_map(|new| match &new.event.as_ref()?.body {
        EventBody::Fix(fix) => Some(fix.clone()),
        EventBody::LineCrossing { .. }
        | EventBody::Counts { .. }
        | EventBody::Rule { .. }
        | EventBody::RedLight { .. }
        | EventBody::CameraStats { .. }
        | EventBody::CameraState { .. }
        | EventBody::Signal { .. }
        | EventBody::SignalAlarm { .. }
        | EventBody::SignalState { .. }
        | EventBody::SignalOrder { .. }
        | EventBody::Detectors { .. } => None,
    }));
    let mut listed: VecDeque<v1::StoredEvent> = VecDeque::new();
    let mut lags = Vec::new();
    hall.view.change(now, |city| {
        let mut changes = Vec::new();
        for new in commit.events {
            let Some(event) = &new.event else { continue };
            let camera = event.body.camera().and_then(|id| city.cameras.get(id));
            if let Some(camera) = camera.filter(|camera| camera.gateway == new.gateway) {
                lags.push((camera.info.id.clone(), now.since(event.at.min(now))));
            }
            changes.extend(city.event(&new.gateway, event, now));
            if is_listed(event.body.kind()) {
                listed.push_back(stored(&new.gateway, new.boot, &new.payload, now));
            }
        }
        changes
    });
    hall.noted.stored(lags);
    for event in listed {
        hall.view.stored(event);
    }
}

fn stored(gateway: &GatewayId, boot: u64, payload: &[u8], now: UtcMillis) -> v1::StoredEvent {
    let event = v1::Event::decode(payload).ok();
    let gateway = gateway.to_string();
    v1::StoredEvent { gateway, boot, event, stored_ms: now.0, ..v1::StoredEvent::default() }
}
