//! The kinds of signal controllers: one file or folder each, and one list.

mod ahead;
mod memory;
mod ntcip;
mod rsmp;
pub(crate) mod spat;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::SignalReport;
use models_domain::signal::plan::Layout;
use models_domain::{JunctionId, UtcMillis};

pub use hardware_ports::Synchrony;

pub use self::memory::Memory;
pub use crate::order::{AlarmStep, Answer, Asked, Order, Value};
pub use crate::security::SecurityCodes;
pub use crate::steering::{Steering, Translate};

/// Every kind the server can speak to, by the name that configurations use.
#[rustfmt::skip]
pub const ALL: &[Controller] = &[
    ntcip::CONTROLLER,
    rsmp::CONTROLLER,
    spat::CONTROLLER,
];

/// One kind of controller.
#[derive(Debug, Clone, Copy)]
pub struct Controller {
    pub name: &'static str,
    pub reach: Reach,
    /// What a person wants, in the controller's own words.
    pub translate: Translate,
    /// Such a controller can be told that an alarm is acknowledged, suspended or resumed.
    pub handles_alarms: bool,
}

pub type OpenAccepted = fn(At, SessionSettings) -> Box<dyn Session>;
pub type OpenDialled = fn(At, DialSettings) -> Box<dyn Session>;
pub type CheckGroup = fn(&str) -> Result<(), String>;

/// Who begins, and how messages are carried. A session of either is the same to the shell: bytes and time in, actions out.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// It dials us over TCP and says who it is. `open`: a session for a connection that was just accepted.
    ItDials { open: OpenAccepted },
    /// We ask it over UDP: what a session sends is one datagram each, and so is what it receives. `open`: a session for a
    /// controller that was not asked anything yet; it lives as long as the pole. `check_group`: whether a signal group of
    /// such a controller may be called so.
    WeDial { open: OpenDialled, check_group: CheckGroup },
    /// It sends datagrams to an address of ours and hears nothing. The rest as with `WeDial`.
    ItBroadcasts { open: OpenDialled, check_group: CheckGroup },
}

impl Controller {
    pub fn by_name(name: &str) -> Option<&'static Controller> {
        ALL.iter().find(|controller| controller.name == name)
    }

    /// Whether it dials us; otherwise we dial it, or hear its broadcasts.
    pub fn dials(&self) -> bool {
        self.opener().is_some()
    }

    /// Whether it is heard, and can be asked nothing.
    pub fn broadcasts(&self) -> bool {
        match self.reach {
            Reach::ItBroadcasts { .. } => true,
            Reach::WeDial { .. } | Reach::ItDials { .. } => false,
        }
    }

    /// A session for a connection that was just accepted, of a kind that dials.
    pub fn opener(&self) -> Option<OpenAccepted> {
        match self.reach {
            Reach::ItDials { open } => Some(open),
            Reach::WeDial { .. } | Reach::ItBroadcasts { .. } => None,
        }
    }
}

/// One moment, told twice: the time of day may jump, `elapsed` (since the program's start) never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub utc: UtcMillis,
    pub elapsed: Duration,
    /// Whether something keeps `utc`.
    pub synchrony: Synchrony,
}

/// 2025-01-01: a gateway that says it is earlier does not know the time.
const EARLIEST: UtcMillis = UtcMillis(1_735_689_600_000);

/// When the time of day has gone so much farther than `elapsed`, or less far, it was set.
const STEP_MS: i64 = 1_000;

impl At {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { utc: clock.now(), elapsed: clock.elapsed(), synchrony: clock.synchrony() }
    }

    /// # Errors
    /// Why no controller's clock may be set by ours.
    pub(crate) fn may_set_clocks(self) -> Result<(), &'static str> {
        match self.synchrony {
            Synchrony::Unsynchronised => Err("nothing keeps the gateway's own clock (is NTP running?)"),
            Synchrony::Unknown => Err("the system does not say whether something keeps the gateway's own \
                                       clock (adjtimex), as in some containers"),
            Synchrony::Synchronised if self.utc < EARLIEST => Err("the gateway's own clock is before 2025"),
            Synchrony::Synchronised => Ok(()),
        }
    }

    /// Whether our time of day was set since `before`.
    pub(crate) fn stepped_since(self, before: At) -> bool {
        let passed = self.elapsed.saturating_sub(before.elapsed).as_millis();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        self.utc.since(before.utc).0.saturating_sub(passed).saturating_abs() > STEP_MS
    }
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
#[derive(Debug, Clone)]
pub struct KnownSite {
    pub junction: JunctionId,
    /// The component that reports the signal groups (RSMP `cId`), such as `KK+AG9998=001TC000`.
    pub main_component: String,
    /// Components of the detectors, in the order of their numbers, where each is to be asked by itself (RSMP S0201 to
    /// S0204); empty: the main component tells of all (S0205 to S0208).
    pub detectors: Vec<String>,
    /// Components of the signal groups in their order, where the configuration names them: each is asked when it goes to green
    /// and to red (S0025).
    pub groups: Vec<String>,
    /// What it wants to hear with commands.
    pub codes: SecurityCodes,
    /// A clock that is off by more is set; `None`: it is never set.
    pub clock_off_max: Option<Duration>,
    pub memory: Memory,
}

impl KnownSite {
    /// One that is listened to, with everything else left out.
    pub fn new(junction: JunctionId, main_component: impl Into<String>) -> Self {
        Self {
            junction,
            main_component: main_component.into(),
            detectors: Vec::new(),
            groups: Vec::new(),
            codes: SecurityCodes::default(),
            clock_off_max: None,
            memory: Memory::default(),
        }
    }
}

/// What is asked of one controller that we dial.
#[derive(Debug, Clone)]
pub struct DialSettings {
    pub junction: JunctionId,
    pub access: Access,
    /// From one look at the lamps to the next.
    pub poll: Duration,
    /// Names of the signal groups, in the order in which their states are reported; at least one.
    pub groups: Vec<String>,
    /// Within so long the controller is to fall back by itself when it hears no more of us; `None`: as it is set there.
    pub backup: Option<Duration>,
    /// A clock that is off by more is set; `None`: it is never set.
    pub clock_off_max: Option<Duration>,
    /// The preempt that makes it show red to everybody, where it has one.
    pub all_red_preempt: Option<u8>,
    /// What safety holds the junction to, its groups in the same order; `None`: nothing is ordered of it.
    pub layout: Option<Layout>,
    /// It may be set which block of settings it is to tell, where that saves asking for each setting by itself.
    pub blocks: bool,
    /// Number of the first question: chance is an argument.
    pub first_number: i32,
}

/// How we show a controller that we may ask it.
#[derive(Clone, PartialEq, Eq)]
pub enum Access {
    /// SNMP v1, or v2c.
    Community { v1: bool, community: String },
    /// SNMP v3: with a password each answer is known to be the controller's, with two nobody can read along (AES-128).
    User { name: String, auth: Option<(Digest, String)>, privacy: Option<String> },
    /// Nobody asks: what comes is heard from these addresses, or from any when there is none. Which intersection of the
    /// broadcast is ours; `region`: of any when left out.
    Broadcast { region: Option<u16>, intersection: u16, from: Vec<IpAddr> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    Md5,
    Sha1,
    Sha256,
}

impl Access {
    /// Whether what comes from there is taken. A socket that is connected hears nobody else anyhow.
    pub fn takes_from(&self, address: IpAddr) -> bool {
        match self {
            Access::Broadcast { from, .. } => from.is_empty() || from.contains(&address),
            Access::Community { .. } | Access::User { .. } => true,
        }
    }
}

/// Communities and passwords are nobody's to read.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Access::Broadcast { intersection, .. } => write!(f, "broadcast {intersection}"),
            Access::Community { v1, .. } => f.write_str(if *v1 { "v1" } else { "v2c" }),
            Access::User { name, auth, privacy } => {
                write!(
                    f,
                    "v3 {name} {:?} private: {}",
                    auth.as_ref().map(|(digest, _)| digest),
                    privacy.is_some()
                )
            }
        }
    }
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
    /// Between two counts of a controller's detectors, as it is asked for them; whole seconds.
    pub counts_interval: Duration,
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
            counts_interval: Duration::from_secs(60),
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
    /// Of a controller that we dial: the link is lost, and the session goes on asking. The text is for people.
    Down {
        reason: String,
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
