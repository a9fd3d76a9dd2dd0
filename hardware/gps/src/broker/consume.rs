//! Takes UFMS messages from a queue; each is acknowledged only after what it says is kept.

use std::sync::Arc;

use futures_util::StreamExt;
use hardware_ports::Clock;
use hardware_ports::shelf::MESSAGE_MAX;
use hardware_ports::sink::{GpsReport, NotKept, Sink, Statement};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use models_domain::{UtcMillis, transit};
use tokio_util::sync::CancellationToken;

use super::statements::statement;
use super::words::{self, BaseMessage};
use super::{BrokerError, Shown, close, connect};

#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// `amqp` or `amqps`, with name and password.
    pub url: String,
    /// It must be there: its owner decides how long it keeps messages.
    pub queue: String,
    /// Messages that the broker sends ahead of our acknowledgements.
    pub prefetch: u16,
}

/// A connection that is subscribed.
pub struct Consumer {
    // Dropping it ends the subscription.
    connection: lapin::Connection,
    shown: Shown,
    queue: String,
    messages: lapin::Consumer,
}

impl Consumer {
    /// # Errors
    /// [`BrokerError`] when the broker cannot be reached, or has no such queue.
    pub async fn subscribe(settings: &ConsumerSettings) -> Result<Self, BrokerError> {
        let open = async |connection: lapin::Connection, shown: Shown| {
            let channel = connection.create_channel().await.map_err(shown.error("opening a channel"))?;
            channel
                .basic_qos(settings.prefetch, BasicQosOptions::default())
                .await
                .map_err(shown.error("limiting what is sent ahead"))?;
            let (queue, options) = (settings.queue.as_str().into(), BasicConsumeOptions::default());
            let messages = channel
                .basic_consume(queue, "".into(), options, FieldTable::default())
                .await
                .map_err(shown.error("subscribing to the queue"))?;
            Ok(Self { connection, shown, queue: settings.queue.clone(), messages })
        };
        connect(&settings.url, open).await
    }

    /// Takes messages until `stop`.
    ///
    /// A message that cannot be read, or is longer than [`MESSAGE_MAX`], is rejected: the broker drops it, or puts it where its owner wants such. One whose content
    /// cannot be kept goes back into the queue, and the run ends.
    ///
    /// # Errors
    /// [`BrokerError`] when the connection breaks or nothing can be kept.
    pub async fn run(
        mut self,
        fixes: Arc<dyn Sink<GpsReport>>,
        statements: Arc<dyn Sink<Statement>>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<(), BrokerError> {
        loop {
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivery = self.messages.next() => delivery,
            };
            let delivery = match delivery {
                Some(delivery) => delivery.map_err(self.shown.error("waiting for messages"))?,
                None => {
                    return Err(BrokerError::Cancelled { broker: self.shown.0, queue: self.queue });
                }
            };
            let content = read(&delivery, clock.now());
            self.settle(&delivery, content, &*fixes, &*statements).await?;
        }
        // What is not acknowledged goes back into the queue.
        close(&self.connection).await;
        Ok(())
    }

    async fn settle(
        &self,
        delivery: &Delivery,
        content: Result<Content, String>,
        fixes: &dyn Sink<GpsReport>,
        statements: &dyn Sink<Statement>,
    ) -> Result<(), BrokerError> {
        let answered = self.shown.error("answering a message");
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                tracing::warn!(broker = self.shown.0, queue = self.queue, "rejected: {why}");
                let options = BasicRejectOptions { requeue: false };
                return delivery.reject(options).await.map(|_| ()).map_err(answered);
            }
        };
        if let Err(source) = keep(content, fixes, statements).await {
            let options = BasicNackOptions { multiple: false, requeue: true };
            delivery.nack(options).await.map_err(answered)?;
            return Err(BrokerError::NotKept { broker: self.shown.0.clone(), source });
        }
        delivery.ack(BasicAckOptions::default()).await.map(|_| ()).map_err(answered)
    }
}

enum Content {
    Fixes(Vec<transit::Fix>),
    Statement(Statement),
}

fn read(delivery: &Delivery, received: UtcMillis) -> Result<Content, String> {
    if delivery.data.len() > MESSAGE_MAX {
        return Err(format!("a message of {} bytes; at most {MESSAGE_MAX} are taken", delivery.data.len()));
    }
    let message = BaseMessage::read(&delivery.data)?;
    if let Some(statement) = statement(&message, &delivery.data, received) {
        return Ok(Content::Statement(statement));
    }
    let fixes = words::fixes(&message)?
        .into_iter()
        .map(|fix| fix.named(received, "ufms").map_err(|err| err.to_string()));
    fixes.collect::<Result<_, String>>().map(Content::Fixes)
}

async fn keep(
    content: Content,
    fixes: &dyn Sink<GpsReport>,
    statements: &dyn Sink<Statement>,
) -> Result<(), NotKept> {
    match content {
        Content::Fixes(all) => fixes.accept_all(all.into_iter().map(GpsReport::Fix).collect()).await,
        Content::Statement(statement) => statements.accept(statement).await,
    }
}
