//! The session that is open now. A hall's is replaced when access changes; what is declared on it moves along.

use std::future::Future;

use hardware_ports::bus::BusError;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// One zenoh session; a later one has a higher number.
#[derive(Clone)]
pub(crate) struct Open {
    pub session: zenoh::Session,
    pub number: u64,
}

/// Holds the open session; empty between two of them.
pub(crate) struct Line {
    now: watch::Sender<Option<Open>>,
    closing: CancellationToken,
}

impl Line {
    pub fn new(session: zenoh::Session, closing: CancellationToken) -> Self {
        Self { now: watch::Sender::new(Some(Open { session, number: 0 })), closing }
    }

    /// The session; waits while it is being replaced.
    ///
    /// # Errors
    /// [`BusError`] when the bus is closed.
    pub async fn open(&self) -> Result<Open, BusError> {
        current(&mut self.now.subscribe(), &self.closing).await
    }

    /// The session, when there is one at this moment.
    pub fn peek(&self) -> Option<Open> {
        self.now.borrow().clone()
    }

    /// Takes the session out: whoever asks from now on waits for the next one.
    pub fn take(&self) -> Option<Open> {
        self.now.send_replace(None)
    }

    pub fn put(&self, session: zenoh::Session, number: u64) {
        self.now.send_replace(Some(Open { session, number }));
    }

    /// Declares on this session, and again on each later one, until nobody reads from `sender` or the bus closes.
    ///
    /// # Errors
    /// [`BusError`] when it cannot be declared now.
    pub async fn keep<T, D, F, R>(&self, sender: mpsc::Sender<T>, declare: F) -> Result<(), BusError>
    where
        T: Send + 'static,
        D: Send + 'static,
        F: Fn(Open) -> R + Send + 'static,
        R: Future<Output = Result<D, BusError>> + Send + 'static,
    {
        let (mut now, closing) = (self.now.subscribe(), self.closing.clone());
        let mut declared = Some(declare(current(&mut now, &closing).await?).await?);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => break,
                    () = closing.cancelled() => break,
                    changed = now.changed() => if changed.is_err() { break },
                }
                drop(declared.take());
                let next = now.borrow_and_update().clone();
                let Some(open) = next else { continue };
                match declare(open).await {
                    Ok(again) => declared = Some(again),
                    Err(err) => tracing::error!("{err}; nothing is heard on it until the next start"),
                }
            }
            drop(declared);
        });
        Ok(())
    }
}

async fn current(
    now: &mut watch::Receiver<Option<Open>>,
    closing: &CancellationToken,
) -> Result<Open, BusError> {
    let closed = || BusError::Open("the bus is closed".into());
    tokio::select! {
        biased;
        () = closing.cancelled() => Err(closed()),
        open = now.wait_for(Option::is_some) => open.map_err(|_| closed())?.clone().ok_or_else(closed),
    }
}
