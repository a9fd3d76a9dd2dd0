//! What agents put on the bus, heard where a hall would be.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use hardware_bus::ZenohBus;
use hardware_ports::bus::{Bus as _, Message};
use models_domain::GatewayId;
use models_wire::keys::{ALL_EVENTS, Key};
use models_wire::v1;
use prost::Message as _;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use v1::event::Body;

use super::site::{Street, index_of};
use crate::bus_hall;

/// Batches that may wait for this process.
const WAITING: usize = 4_096;

pub struct Ear {
    hall: ZenohBus,
    /// Where agents dial.
    pub address: String,
    events: Receiver<Message>,
}

/// # Errors
/// When the bus cannot be opened.
pub async fn open(folder: &Path, gateways: &[GatewayId]) -> anyhow::Result<Ear> {
    let (hall, address) = bus_hall::open(folder, gateways).await?;
    let events = hall.subscribe(ALL_EVENTS, WAITING).await?;
    Ok(Ear { hall, address, events })
}

impl Ear {
    /// Hears until `stop`.
    ///
    /// # Errors
    /// When the bus ends before, or somebody sends what is no batch of events.
    pub async fn run(mut self, street: Arc<Street>, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => break,
                message = self.events.recv() => message.context("the bus was closed")?,
            };
            let batch = v1::EventBatch::decode(&message.payload[..]).context("a batch of events")?;
            for event in &batch.events {
                if let Some(Body::Signal(signal)) = &event.body
                    && let Some(index) = index_of(&signal.junction)
                {
                    street.seen(index, &signal.groups);
                }
            }
            let key = Key::parse(&message.key).with_context(|| format!("events on {}", message.key))?;
            bus_hall::confirm(&self.hall, &key.gateway, &batch).await?;
        }
        Ok(self.hall.close().await?)
    }
}
