//! A RabbitMQ node for a test: own name, free ports, own folder; ended with the test.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// Debian's script in /usr/sbin changes the user; this one does not.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

pub struct Rabbit {
    folder: tempfile::TempDir,
    port: u16,
    /// Of Erlang between nodes, and of its name service.
    others: [u16; 2],
    node: Option<Child>,
}

impl Rabbit {
    /// `None` when it is not installed.
    pub async fn start() -> Option<Self> {
        if !Path::new(SERVER).exists() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let [port, between, names] = free_ports();
        let mut rabbit = Self { folder, port, others: [between, names], node: None };
        rabbit.start_again().await;
        Some(rabbit)
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// With what it had on disk.
    pub async fn start_again(&mut self) {
        let at = |name: &str| self.folder.path().join(name);
        std::fs::write(at("plugins"), "[].").expect("written");
        let log = std::fs::File::create(at("output")).expect("a file");
        let node = Command::new(SERVER)
            .env("HOME", self.folder.path())
            .env("RABBITMQ_NODENAME", format!("ngatu-{}@localhost", self.port))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.others[0].to_string())
            .env("ERL_EPMD_PORT", self.others[1].to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", at("data"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_CONFIG_FILE", at("none"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            // Then the script becomes the node, and ending the child ends the node.
            .env("RABBITMQ_ALLOW_INPUT", "1")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("started");
        self.node = Some(node);
        let answers = async {
            loop {
                // A broker that is still booting may take a connection and never answer on it.
                let url = self.url();
                let connect = Connection::connect(&url, ConnectionProperties::default());
                if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(5), connect).await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let answered = tokio::time::timeout(Duration::from_secs(120), answers).await;
        assert!(answered.is_ok(), "{}", std::fs::read_to_string(at("output")).unwrap_or_default());
    }

    /// At once, as when the power fails.
    pub fn stop(&mut self) {
        if let Some(mut node) = self.node.take() {
            node.kill().expect("killed");
            node.wait().expect("ended");
        }
        // The name service outlives its nodes.
        let port = self.others[1].to_string();
        Command::new("epmd").args(["-port", &port, "-kill"]).output().ok();
    }

    async fn channel(&self) -> Channel {
        let connection =
            Connection::connect(&self.url(), ConnectionProperties::default()).await.expect("a connection");
        connection.create_channel().await.expect("a channel")
    }

    /// A queue on disk, and where it puts what is rejected.
    pub async fn declare(&self, queue: &str, rejected: Option<&str>) {
        let mut arguments = FieldTable::default();
        if let Some(rejected) = rejected {
            arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
            arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(rejected.into()));
        }
        self.declare_with(queue, arguments).await;
    }

    /// A queue on disk that refuses what would make it longer than so many bytes.
    pub async fn declare_narrow(&self, queue: &str, bytes_max: i32) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length-bytes".into(), AMQPValue::LongInt(bytes_max));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        self.declare_with(queue, arguments).await;
    }

    async fn declare_with(&self, queue: &str, arguments: FieldTable) {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel().await.queue_declare(queue.into(), options, arguments).await.expect("a queue");
    }

    pub async fn send(&self, queue: &str, bytes: &[u8]) {
        let (channel, options) = (self.channel().await, BasicPublishOptions::default());
        let sent =
            channel.basic_publish("".into(), queue.into(), options, bytes, BasicProperties::default()).await;
        sent.expect("sent").await.expect("taken");
    }

    /// Messages that nobody has taken.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel().await.queue_declare(queue.into(), options, FieldTable::default()).await;
        queue.expect("a queue").message_count()
    }

    /// Takes one after the other: a subscription would be sent, and lose, what comes while it ends.
    pub async fn all(&self, queue: &str) -> Vec<Vec<u8>> {
        let (channel, mut all) = (self.channel().await, Vec::new());
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get(queue.into(), options).await.expect("an answer") {
            all.push(message.delivery.data);
        }
        all
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Below those that Linux gives to connections: while a broker is down nobody dials from its port. A hundred for each process, each
/// given once.
fn free_ports() -> [u16; 3] {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = 20_000 + std::process::id() % 120 * 100;
    [(); 3].map(|()| {
        loop {
            let port = first + GIVEN.fetch_add(1, Ordering::Relaxed) % 100;
            let port = u16::try_from(port).expect("below 32000");
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}
