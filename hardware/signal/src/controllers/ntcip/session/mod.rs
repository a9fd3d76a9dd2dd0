//! The conversation with one controller: first who it is and how it numbers its phases, then lamps at every poll and the rest
//! once a second, orders in between. No sockets, no clock: datagrams and time in, actions out.

mod ask;
mod blocks;
mod hear;
mod learn;
mod orders;
mod own;
mod reading;

#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use models_domain::signal::order::ControllerNow;
use models_domain::{DurationMs, UtcMillis};

use self::own::Own;
use self::reading::{Reading, What};
use super::clock::Clock;
use super::held::{Held, Ready};
use super::lamps::Lamp;
use super::objects::{Numbering, Values};
use super::snmp::{Request, Snmp};
use super::status::Alarms;
use crate::controllers::{Action, Answer, Asked, At, DialSettings, Order, Session};

/// Longest wait for one answer, and how often a question is sent before the link is given up.
const ANSWER_MAX: Duration = Duration::from_secs(1);
const TRIES_MAX: u32 = 3;

/// After one timeout a question may be sent again at once, when the controller says how, so often.
const AGAIN_MAX: u32 = 4;

/// Before a silent controller, or one that refuses us, is asked again.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_DENIED: Duration = Duration::from_secs(5);

/// Between two readings of mode, plan, alarms and clock: no whole second, so that the clock is read at all parts of one.
const UNIT_EVERY: Duration = Duration::from_millis(1_100);

/// More than this waiting at once are refused: somebody leans on a button.
const ORDERS_MAX: usize = 32;

/// As many variables as the smallest units answer at once.
const GROUP_MAX: usize = 8;

pub struct Asker {
    settings: DialSettings,
    lamps: Vec<Lamp>,
    snmp: Snmp,
    number: i32,
    group_max: usize,
    /// What this controller has not.
    missing: BTreeSet<Vec<u8>>,
    outstanding: Option<Outstanding>,
    phase: Phase,
    unit: Unit,
    own: Own,
    lamps_at: Duration,
    /// When lamps were read last.
    lamps_read: Option<Duration>,
    unit_at: Duration,
    lamps_reading: Option<Reading>,
    unit_reading: Option<Reading>,
    /// Lamps were read since: a slow controller must not keep the rest from being read.
    unit_turn: bool,
    orders: VecDeque<(u64, Ready)>,
    /// Who wants to know mode and plan from the next reading on, and who from the running one.
    now_asked: Vec<u64>,
    now_served: Vec<u64>,
    held: Held,
    told: Told,
    warnings: u32,
    actions: VecDeque<Action>,
}

struct Outstanding {
    number: i32,
    request: Request,
    job: Job,
    asked_at: UtcMillis,
    until: Duration,
    tries: u32,
    agains: u32,
}

enum Job {
    Read(What),
    Backup,
    Order {
        number: u64,
        ready: Ready,
    },
    ReadBack {
        number: u64,
        ready: Ready,
    },
    Refresh,
    SetClock,
    /// Which block of settings is to be told, and what it tells.
    ChooseBlock,
    ReadBlock,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down { again_at: Duration },
    Starting,
    Up,
}

/// What is known of the unit.
struct Unit {
    numbering: Numbering,
    /// Whether zeros were read where v02 has its phases: then v4's place is looked at.
    phases_at_v02: bool,
    backup: Duration,
    detector_rows: u32,
    /// How many preempts are asked for.
    preempts: u32,
    /// Some preempt is active, so all are asked for each time.
    preempted: bool,
    /// The preempt for red to everybody was ordered from here, and is not over yet.
    red_ordered: bool,
    /// How far local time is ahead of UTC, by its own rules.
    offset_s: i64,
    up_time: Option<i64>,
    clock: Clock,
    /// Our clock, as it was when all this was learned.
    clock_ours: Option<At>,
    /// `At::elapsed`.
    clock_set_at: Option<Duration>,
    /// Why its clock is not set by ours, as it was told last.
    clock_kept: Option<&'static str>,
    /// It was found to be off as far as a zone may be, of which the unit does not tell; until it is right.
    clock_may_be_local: bool,
    /// When that was told last (`At::elapsed`).
    clock_local_told: Option<Duration>,
    flashing: Option<bool>,
    plan: Option<u8>,
    /// Seconds of a cycle of `plan`, and how much of it was left at a moment.
    cycle_s: Option<i64>,
    cycle_left: Option<(i64, Duration)>,
    readings: u32,
    /// Of the interval whose counts were read last, and its length.
    counted: Option<i64>,
    interval: DurationMs,
}

impl Default for Unit {
    fn default() -> Self {
        Self {
            numbering: Numbering::Bits8,
            phases_at_v02: false,
            backup: Duration::ZERO,
            detector_rows: 0,
            preempts: 0,
            preempted: false,
            red_ordered: false,
            offset_s: 0,
            up_time: None,
            clock: Clock::default(),
            clock_ours: None,
            clock_set_at: None,
            clock_kept: None,
            clock_may_be_local: false,
            clock_local_told: None,
            flashing: None,
            plan: None,
            cycle_s: None,
            cycle_left: None,
            readings: 0,
            counted: None,
            interval: DurationMs(0),
        }
    }
}

/// What was reported last.
#[derive(Default)]
struct Told {
    down: Option<String>,
    remark: Option<String>,
    states: Option<String>,
    now: Option<(ControllerNow, Duration)>,
    alarms: Alarms,
    clock_off: bool,
    clock_local: bool,
}

impl Asker {
    pub fn new(at: At, settings: DialSettings) -> Self {
        // Whoever made the settings has checked the names.
        let lamps = settings.groups.iter().filter_map(|name| name.parse().ok()).collect();
        let snmp = Snmp::new(settings.access.clone());
        Self {
            number: (settings.first_number & 0x3fff_ffff).max(1),
            settings,
            lamps,
            snmp,
            group_max: GROUP_MAX,
            missing: BTreeSet::new(),
            outstanding: None,
            phase: Phase::Down { again_at: at.elapsed },
            unit: Unit::default(),
            own: Own::default(),
            lamps_at: Duration::ZERO,
            lamps_read: None,
            unit_at: Duration::ZERO,
            lamps_reading: None,
            unit_reading: None,
            unit_turn: false,
            orders: VecDeque::new(),
            now_asked: Vec::new(),
            now_served: Vec::new(),
            held: Held::default(),
            told: Told::default(),
            warnings: 0,
            actions: VecDeque::new(),
        }
    }

    fn answer(&mut self, number: u64, answer: Answer) {
        self.actions.push_back(Action::Answered { number, answer });
    }

    /// A controller that sends nonsense all day shall not fill the log.
    fn warn(&mut self, text: impl Into<String>) {
        const WARNINGS_MAX: u32 = 50;
        self.warnings += 1;
        if self.warnings <= WARNINGS_MAX {
            self.actions.push_back(Action::Warn(text.into()));
        }
    }

    /// The link is lost; `pause` later the controller is asked again who it is.
    fn down(&mut self, at: At, pause: Duration, reason: String) {
        let in_flight = self.outstanding.take().and_then(|outstanding| match outstanding.job {
            Job::Order { number, .. } | Job::ReadBack { number, .. } => Some(number),
            Job::Read(_) | Job::Backup | Job::Refresh | Job::SetClock | Job::ChooseBlock | Job::ReadBlock => {
                None
            }
        });
        let unanswered: Vec<u64> =
            in_flight.into_iter().chain(self.now_asked.drain(..)).chain(self.now_served.drain(..)).collect();
        for number in unanswered {
            self.answer(number, Answer::None);
        }
        for (number, _) in std::mem::take(&mut self.orders) {
            self.answer(number, Answer::Refused(orders::NOT_UP.to_owned()));
        }
        (self.lamps_reading, self.unit_reading) = (None, None);
        self.phase = Phase::Down { again_at: at.elapsed + pause };
        let mut reason = reason;
        if !self.held.is_empty() {
            let within = self.unit.backup.as_secs();
            reason +=
                &format!("; what was ordered ends in the controller within its backup time of {within} s");
        }
        if self.told.down.as_ref() != Some(&reason) {
            self.told = Told {
                down: Some(reason.clone()),
                alarms: std::mem::take(&mut self.told.alarms),
                ..Told::default()
            };
            self.actions.push_back(Action::Down { reason });
        }
    }
}

impl Session for Asker {
    fn receive(&mut self, at: At, bytes: &[u8]) {
        self.hear(at, bytes);
        self.ask_next(at);
    }

    fn poll_timeout(&self) -> Duration {
        if let Some(outstanding) = &self.outstanding {
            return outstanding.until;
        }
        match self.phase {
            Phase::Down { again_at } => again_at,
            Phase::Starting => Duration::ZERO,
            Phase::Up if self.is_in_a_hurry() => Duration::ZERO,
            Phase::Up => {
                let due = self.held.due(self.unit.backup);
                due.into_iter().fold(self.lamps_at.min(self.unit_at), Duration::min)
            }
        }
    }

    fn handle_timeout(&mut self, at: At) {
        match &mut self.outstanding {
            Some(outstanding) if outstanding.until > at.elapsed => {}
            Some(Outstanding { job: Job::Read(What::Settings), .. }) => {
                // Lamps are not left unread for longer: should nothing be answered at all, they will find out.
                let unanswered = self.outstanding.take().map(|outstanding| outstanding.request);
                if let Some(Request::Get(vars)) = unanswered {
                    self.own.put_off(at.elapsed, vars);
                }
                self.ask_next(at);
            }
            Some(Outstanding { job: Job::ChooseBlock | Job::ReadBlock, .. }) => {
                self.outstanding = None;
                self.block_unanswered(at);
                self.ask_next(at);
            }
            Some(outstanding) if outstanding.tries < TRIES_MAX => {
                outstanding.tries += 1;
                outstanding.agains = 0;
                self.send(at);
            }
            Some(_) => {
                let reason = self.silence();
                self.down(at, PAUSE, reason);
            }
            None => self.ask_next(at),
        }
    }

    fn order(&mut self, order: Order) {
        let number = order.number;
        let refuse = |why: String| Action::Answered { number, answer: Answer::Refused(why) };
        if self.phase != Phase::Up {
            return self.actions.push_back(refuse(orders::NOT_UP.to_owned()));
        }
        if self.orders.len() + self.now_asked.len() >= ORDERS_MAX {
            return self.actions.push_back(refuse(format!("{ORDERS_MAX} orders wait already")));
        }
        match order.what {
            Asked::Command { code, values, .. } => match Ready::new(&code, &values, self.unit.numbering) {
                Ok(ready) => self.orders.push_back((number, ready)),
                Err(why) => self.actions.push_back(refuse(why)),
            },
            Asked::Now => {
                self.now_asked.push(number);
                (self.lamps_at, self.unit_at, self.unit_turn) = (Duration::ZERO, Duration::ZERO, false);
            }
            Asked::Alarm { .. } => {
                self.actions.push_back(refuse(
                    "NTCIP 1202 offers no way to acknowledge, suspend or resume alarms".to_owned(),
                ));
            }
            Asked::AggregatedStatus => {
                self.actions.push_back(refuse("NTCIP 1202 has no aggregated status".to_owned()));
            }
        }
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}

/// What one answer, or several, have told.
struct Read {
    what: What,
    values: Values,
}
