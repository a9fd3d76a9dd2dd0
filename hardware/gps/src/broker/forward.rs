//! Sends on what operators tell beside positions: vehicles, drivers, companies, tickets, as they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use hardware_ports::shelf::MessageShelf;
use hardware_ports::sink::{NotKept, Sink, Statement};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{BrokerError, Publisher};

/// Statements go on the shelf first, then to `kept`, and from the shelf to the directorate's broker. Whoever told one is answered when
/// it is on both; when one of them refuses it is told again, and may arrive twice.
pub struct Forwarder {
    kept: Arc<dyn Sink<Statement>>,
    shelf: Arc<dyn MessageShelf>,
    come: Notify,
    sent: AtomicU64,
}

impl Forwarder {
    pub fn new(kept: Arc<dyn Sink<Statement>>, shelf: Arc<dyn MessageShelf>) -> Self {
        Self { kept, shelf, come: Notify::new(), sent: AtomicU64::new(0) }
    }

    /// Statements that the broker has confirmed.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends until `stop`, each after the one before is confirmed. What is not confirmed is sent again by the next run, or after a
    /// restart.
    ///
    /// # Errors
    /// [`BrokerError`] when the connection breaks or the disk does not answer.
    pub async fn run(&self, publisher: Publisher, stop: &CancellationToken) -> Result<(), BrokerError> {
        while !stop.is_cancelled() {
            match self.shelf.oldest().map_err(|source| BrokerError::Shelf { source })? {
                Some((number, message)) => {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        published = publisher.publish_bytes(&message) => published?,
                    }
                    self.shelf.forget(number);
                    self.sent.fetch_add(1, Ordering::Relaxed);
                }
                None => tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.come.notified() => {}
                },
            }
        }
        publisher.close().await;
        Ok(())
    }
}

#[async_trait]
impl Sink<Statement> for Forwarder {
    async fn accept(&self, statement: Statement) -> Result<(), NotKept> {
        self.shelf.keep(&statement.message)?;
        self.come.notify_one();
        self.kept.accept(statement).await
    }
}
