//! UFMS over its message broker (AMQP 0-9-1, RabbitMQ): one `BaseMessage` each message, taken in and given out.
//!
//! A run ends with the first error; whoever supervises it begins again.

mod consume;
mod forward;
mod link;
pub mod pace;
mod publish;
mod statements;
mod told;
mod upward;

use std::str::FromStr;
use std::time::Duration;

use lapin::Connection;
use lapin::uri::AMQPUri;
use tokio::time::timeout;

use crate::protocols::ufms as words;

pub use self::consume::{Consumer, ConsumerSettings};
pub use self::forward::Forwarder;
use self::link::Link;
pub use self::publish::{Publisher, PublisherSettings, Relay, RelayCounts};

/// How long the broker may take to keep a message.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take until it is ready to give or take messages. One that has just started may take
/// a connection and never answer on it.
const OPENING: Duration = Duration::from_secs(10);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Between signs of life, where the address does not say. A link that was cut is noticed after two of them without one.
const HEARTBEAT_S: u16 = 15;

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
    #[error("the broker {broker} did not answer within {} s", patience.as_secs())]
    Silent { broker: String, patience: Duration },
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
    #[error("reading what waits for the broker")]
    Shelf {
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

/// Connects, and makes of the connection what `open` wants of it; the connection lasts as long as the link.
async fn connect<T>(
    url: &str,
    open: impl AsyncFnOnce(Connection, Link, Shown) -> Result<T, BrokerError>,
) -> Result<T, BrokerError> {
    connect_within(url, OPENING, open).await
}

async fn connect_within<T>(
    url: &str,
    patience: Duration,
    open: impl AsyncFnOnce(Connection, Link, Shown) -> Result<T, BrokerError>,
) -> Result<T, BrokerError> {
    let shown = Shown::of(url)?;
    let broker = shown.0.clone();
    let mut address = AMQPUri::from_str(url).map_err(|_| BrokerError::Address(broker.clone()))?;
    address.query.heartbeat.get_or_insert(HEARTBEAT_S);
    // Given up, it is dropped, and with it the link.
    let opening = async {
        let link = Link::default();
        match link.connect(address, patience).await {
            Ok(connection) => open(connection, link, shown).await,
            Err(source) => Err(BrokerError::Connect { broker: shown.0, source }),
        }
    };
    let silent = |_| BrokerError::Silent { broker, patience };
    timeout(patience, opening).await.map_err(silent)?
}

/// Says goodbye, to a broker that may not hear it.
async fn close(connection: &Connection) {
    timeout(GOODBYE, connection.close(200, "stopped".into())).await.ok();
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Connection.Start (AMQP 0-9-1 §1.4.2.1): version 0-9, no properties, one mechanism, one language.
    const START: &[u8] = b"\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US\xce";

    /// Threads in which the library serves connections.
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "lapin-io-loop").count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_broker_that_hangs_before_or_behind_its_first_word_keeps_no_thread() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://bus:x@{}/%2f", listener.local_addr().unwrap());
        let hanging = tokio::spawn(async move {
            let mut taken = Vec::new();
            for said in [&b""[..], START].iter().cycle() {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; 8]).await.unwrap();
                stream.write_all(said).await.unwrap();
                taken.push(stream);
            }
        });
        for _ in 0..4 {
            let open = async |connection: Connection, link: Link, shown: Shown| Ok((connection, link, shown));
            let patience = Duration::from_secs(1);
            let served = async {
                while threads() == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let (end, served) = tokio::join!(connect_within(&url, patience, open), timeout(patience, served));
            served.expect("the library serves the connection in a thread of that name");
            assert!(matches!(end, Err(BrokerError::Silent { .. })), "{end:?}");
        }
        let ended = async {
            while threads() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), ended).await.expect("no thread is left");
        assert!(!hanging.is_finished(), "the broker has closed nothing");
        hanging.abort();
    }

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
