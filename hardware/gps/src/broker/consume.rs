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

use super::link::Link;
use super::statements::statement;
use super::words::{self, BaseMessage};
use super::{BrokerError, Shown, close, connect};
use crate::protocols::Fix;
use crate::quiet::{Quiet, line};

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
    _link: Link,
    shown: Shown,
    queue: String,
    messages: lapin::Consumer,
    left_out: Quiet,
}

impl Consumer {
    /// # Errors
    /// [`BrokerError`] when the broker cannot be reached, or has no such queue.
    pub async fn subscribe(settings: &ConsumerSettings) -> Result<Self, BrokerError> {
        let open = async |connection: lapin::Connection, link: Link, shown: Shown| {
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
            let (queue, left_out) = (settings.queue.clone(), Quiet::default());
            Ok(Self { connection, _link: link, shown, queue, messages, left_out })
        };
        connect(&settings.url, open).await
    }

    /// Takes messages until `stop`.
    ///
    /// A message that cannot be read, none of whose positions can, or that is longer than [`MESSAGE_MAX`], is rejected: the
    /// broker drops it, or puts it where its owner wants such. One whose content cannot be kept goes back into the queue, and
    /// the run ends.
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
            let content = self.read(&delivery.data, &*clock);
            self.settle(&delivery, content, &*fixes, &*statements).await?;
        }
        // What is not acknowledged goes back into the queue.
        close(&self.connection).await;
        Ok(())
    }

    fn read(&mut self, data: &[u8], clock: &dyn Clock) -> Result<Content, String> {
        let (content, left_out) = read(data, clock.now())?;
        if let Some(left_out) = left_out
            && let Some(messages) = self.left_out.due(clock.elapsed())
        {
            tracing::warn!(broker = self.shown.0, queue = self.queue, messages, "{}", line(&left_out));
        }
        Ok(content)
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
                tracing::warn!(broker = self.shown.0, queue = self.queue, "rejected: {}", line(&why));
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

/// What a message says, and what of it was left out.
fn read(data: &[u8], received: UtcMillis) -> Result<(Content, Option<String>), String> {
    if data.len() > MESSAGE_MAX {
        return Err(format!("a message of {} bytes; at most {MESSAGE_MAX} are taken", data.len()));
    }
    let message = BaseMessage::read(data)?;
    if let Some(statement) = statement(&message, data, received) {
        return Ok((Content::Statement(statement), None));
    }
    let named = |fix: Fix| fix.named(received, "ufms").map_err(|err| err.to_string());
    let kept = words::fixes(&message)?.and_then(named).unless_all_bad()?;
    let warning = kept.warning();
    Ok((Content::Fixes(kept.good), warning))
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

#[cfg(test)]
mod tests {
    use super::super::words::{BusWayPoint, BusWayPoints};
    use super::*;

    fn point(vehicle: &str) -> BusWayPoint {
        let vehicle = vehicle.to_owned();
        BusWayPoint { vehicle, datetime: 1_747_231_958, x: 105.852, y: 21.028, ..BusWayPoint::default() }
    }

    fn of(events: Vec<BusWayPoint>) -> Result<(Vec<String>, Option<String>), String> {
        let bus_way_points = Some(BusWayPoints { events });
        let message = BaseMessage { msg_type: 104, bus_way_points, ..BaseMessage::default() };
        let (content, left_out) = read(&message.write(), UtcMillis(1_747_231_959_000))?;
        match content {
            Content::Fixes(fixes) => {
                Ok((fixes.into_iter().map(|fix| fix.vehicle.to_string()).collect(), left_out))
            }
            Content::Statement(statement) => Err(format!("a {}", statement.kind)),
        }
    }

    #[test]
    fn a_bad_point_does_not_cost_the_others() {
        let bad = [
            BusWayPoint { y: 91.0, ..point("29B-2") },
            point(" "),
            BusWayPoint { datetime: 0, ..point("29B-4") },
            BusWayPoint { speed: -1.0, ..point("29B-5") },
            point(&"9".repeat(65)),
        ];
        for bad in &bad {
            let (vehicles, left_out) = of(vec![point("29B-1"), bad.clone(), point("29B-3")]).expect("read");
            assert_eq!(vehicles, ["29b-1", "29b-3"]);
            let left_out = left_out.expect("a warning");
            assert!(left_out.starts_with("1 of 3 positions left out, the first because: "), "{left_out}");
        }
        assert!(of(bad[..2].to_vec()).expect_err("none is good").contains("is not on the earth"));
        assert!(of(bad[4..].to_vec()).expect_err("none is good").contains("vehicle id"));
        assert_eq!(of(vec![point("29B-1")]), Ok((vec!["29b-1".to_owned()], None)));
        assert_eq!(of(Vec::new()), Ok((Vec::new(), None)));
    }
}
