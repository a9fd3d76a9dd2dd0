//! The bus door: moves (key, bytes) between poles and hall; knows no message.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

/// One (key, bytes) pair that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub key: String,
    pub payload: Vec<u8>,
}

/// What happens to a message when the link is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The sender waits. For events and commands, under the outbox.
    Wait,
    /// It is thrown away; a newer one follows. For state and live pictures.
    NewestWins,
}

/// A question that another session asked; dropping it answers nothing.
pub struct Question {
    pub key: String,
    pub payload: Vec<u8>,
    /// Answer with (key, payload).
    pub reply: oneshot::Sender<Message>,
}

/// Another session appeared or went away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub key: String,
    pub alive: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    #[error("opening the bus: {0}")]
    Open(String),
    #[error("{operation} {key:?} on the bus: {why}")]
    Operation { operation: &'static str, key: String, why: String },
}

/// Declared things end when the receiver or token is dropped, or the bus is closed.
#[async_trait]
pub trait Bus: Send + Sync {
    async fn publish(&self, key: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), BusError>;

    /// Messages on keys matching `key`; when `capacity` of them wait, the newest is thrown away and counted in the log.
    async fn subscribe(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Message>, BusError>;

    /// Every answer that came within `wait`; none is not an error.
    async fn ask(&self, key: &str, payload: Vec<u8>, wait: Duration) -> Result<Vec<Message>, BusError>;

    /// Questions on keys matching `key`.
    async fn answer(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Question>, BusError>;

    /// Says "I am here" on `key` for as long as the session lives.
    async fn announce(&self, key: &str) -> Result<(), BusError>;

    /// Who is here now (first) and every later change, for keys matching `key`.
    async fn watch(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Presence>, BusError>;

    async fn close(&self) -> Result<(), BusError>;
}
