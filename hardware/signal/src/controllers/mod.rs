//! The kinds of signal controllers that dial us: one file or folder each, and one list.

mod rsmp;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::{JunctionId, UtcMillis};

pub use crate::order::{AlarmStep, Answer, Asked, Order, Value};
pub use crate::steering::{Steering, Translate};

/// Every kind the server can speak to, by the name that configurations use.
pub const ALL: &[Controller] = &[rsmp::CONTROLLER];

/// One kind of controller.
#[derive(Debug, Clone, Copy)]
pub struct Controller {
    pub name: &'static str,
    /// A session for a connection that was just accepted.
    pub open: fn(At, SessionSettings) -> Box<dyn Session>,
    /// What a person wants, in the controller's own words.
    pub translate: Translate,
}

impl Controller {
    pub fn by_name(name: &str) -> Option<&'static Controller> {
        ALL.iter().find(|controller| controller.name == name)
    }
}

/// One moment, told twice: the time of day may jump, `elapsed` (since the program's start) never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub utc: UtcMillis,
    pub elapsed: Duration,
}

/// What one connection may say and for how long it may be silent.
#[derive(Clone)]
pub struct SessionSettings {
    pub sites: Arc<BTreeMap<String, KnownSite>>,
    /// Who we say we are.
    pub supervisor_id: String,
    pub timing: Timing,
    /// A new random message number (UUID version 4) at each call: chance is an argument.
    pub new_message_id: fn() -> String,
}

/// One controller that is expected to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSite {
    pub junction: JunctionId,
    /// The component that reports the signal groups (RSMP `cId`), such as `KK+AG9998=001TC000`.
    pub main_component: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the connection to the end of the introduction.
    pub introduction: Duration,
    /// Longest wait for the acknowledgement of one message of ours.
    pub acknowledgement: Duration,
    /// Between two watchdogs of ours.
    pub watchdog_interval: Duration,
    /// Longest silence of the other side's watchdog.
    pub watchdog_timeout: Duration,
    /// Pause before each request of ours: a controller that must answer too many at once misses its acknowledgements.
    pub pace: Duration,
}

impl Default for Timing {
    /// RSMP core 3.2.2: 30 s for an acknowledgement, a watchdog a minute; two may be missed.
    fn default() -> Self {
        Self {
            introduction: Duration::from_secs(10),
            acknowledgement: Duration::from_secs(30),
            watchdog_interval: Duration::from_secs(60),
            watchdog_timeout: Duration::from_secs(150),
            pace: Duration::from_secs(1),
        }
    }
}

/// What the shell must do next, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The connection belongs to this site: its older connection ends, the link is reported as connecting.
    Identified {
        site: String,
    },
    /// The introduction is over: the link is up. The text is for people and says what is wrong nevertheless, if anything.
    Up {
        remark: String,
    },
    /// Keep the report. If that fails, close, and do none of the actions that follow: the site must send it again.
    Keep(SignalReport),
    Send(Vec<u8>),
    /// What became of an order.
    Answered {
        number: u64,
        answer: Answer,
    },
    /// Something a technician should see, for the log.
    Warn(String),
    /// Send what was to be sent before, then close. The text is for people.
    Close {
        reason: String,
    },
}

/// One connection, without sockets or clock. After each call, `poll` until it returns nothing.
pub trait Session: Send {
    /// Bytes that arrived; any split.
    fn receive(&mut self, at: At, bytes: &[u8]);

    /// The moment (`At::elapsed`) at which `handle_timeout` wants to be called.
    fn poll_timeout(&self) -> Duration;

    fn handle_timeout(&mut self, at: At);

    /// Asks something of the controller; `Action::Answered` says what became of it.
    fn order(&mut self, order: Order);

    fn poll(&mut self) -> Option<Action>;
}
