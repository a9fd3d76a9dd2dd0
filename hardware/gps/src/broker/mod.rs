//! UFMS over its message broker (AMQP 0-9-1, RabbitMQ): one `BaseMessage` each message, taken in and given out.
//!
//! A run ends with the first error; whoever supervises it begins again.

mod consume;
pub mod pace;
mod publish;
mod statements;

use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::protocols::ufms as words;

pub use self::consume::{Consumer, ConsumerSettings};
pub use self::publish::{Publisher, PublisherSettings, Relay, RelayCounts};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("{0:?} is not an address of a broker, such as amqps://name:password@host:5671/%2f")]
    Address(String),
    #[error("connecting to the broker {broker}; does it run, and are name and password right?")]
    Connect {
        broker: String,
        #[source]
        source: lapin::Error,
    },
    #[error("the broker {broker} did not answer within {} s", PATIENCE.as_secs())]
    Silent { broker: String },
    #[error("{doing} at the broker {broker}")]
    Broker {
        broker: String,
        doing: &'static str,
        #[source]
        source: lapin::Error,
    },
    #[error("the broker {broker} ended the subscription to {queue:?}; was the queue deleted?")]
    Cancelled { broker: String, queue: String },
    #[error("taking positions from the broker {broker}")]
    NotKept {
        broker: String,
        #[source]
        source: hardware_ports::sink::NotKept,
    },
    #[error("the broker {broker} refused a message ({why}); is there a queue behind the exchange?")]
    Refused { broker: String, why: String },
}

/// The address as it may be shown: without the password.
#[derive(Debug, Clone)]
struct Shown(String);

impl Shown {
    fn of(url: &str) -> Result<Self, BrokerError> {
        let wrong = || BrokerError::Address(url.split_once('@').map_or(url, |(_, host)| host).to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        if !matches!(scheme, "amqp" | "amqps") {
            return Err(wrong());
        }
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        Ok(Self(format!("{scheme}://{host}")))
    }

    fn error(&self, doing: &'static str) -> impl Fn(lapin::Error) -> BrokerError {
        let broker = self.0.clone();
        move |source| BrokerError::Broker { broker: broker.clone(), doing, source }
    }
}

async fn connect(url: &str) -> Result<(Connection, Shown), BrokerError> {
    let shown = Shown::of(url)?;
    let properties = ConnectionProperties::default().with_connection_name("edge-agent".into());
    match timeout(PATIENCE, Connection::connect(url, properties)).await {
        Ok(Ok(connection)) => Ok((connection, shown)),
        Ok(Err(source)) => Err(BrokerError::Connect { broker: shown.0, source }),
        Err(_) => Err(BrokerError::Silent { broker: shown.0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let shown = |url| Shown::of(url).map(|shown| shown.0).map_err(|err| err.to_string());
        assert_eq!(
            shown("amqps://bus:se@cret@mq.example:5671/%2f"),
            Ok("amqps://mq.example:5671/%2f".to_owned())
        );
        let err = shown("http://bus:secret@mq.example").unwrap_err();
        assert!(!err.contains("secret"), "{err}");
    }
}
