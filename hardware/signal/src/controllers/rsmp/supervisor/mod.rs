//! The supervisor's side of one RSMP connection. No sockets, no clock: bytes and time in, actions out.
//!
//! Site Version -> our Version -> Watchdogs both ways -> from core 3.3.0 on the site's components -> aggregated status,
//! alarms, buffered messages -> our subscription ("Communication establishment between sites and supervision system").

mod own;
mod session;
mod status;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::DurationMs;
use models_domain::signal::order::ControllerNow;

use crate::controllers::rsmp::changes::Estimates;
use crate::controllers::rsmp::frame::{Frames, wrap};
use crate::controllers::rsmp::message::{self, Body, Incoming, Malformed, VersionRequest};
use crate::controllers::rsmp::now::Flags;
use crate::controllers::rsmp::orders::Orders;
use crate::controllers::rsmp::outgoing::{Outgoing, timestamp};
use crate::controllers::rsmp::phase::{Established, Own, Phase, Site, Unacknowledged};
use crate::controllers::rsmp::sxl::SxlVersion;
use crate::controllers::rsmp::version;
use crate::controllers::rsmp::wishes::Wish;
use crate::controllers::{Action, At, SessionSettings};

/// Packets without a readable number, which cannot be refused by one; after so many it is no RSMP site.
const UNREADABLE_MAX: u32 = 20;

/// A site that sends nonsense all day shall not fill the log.
const WARNINGS_MAX: u32 = 50;

/// Buffered messages may delay our subscription for so many paces at most.
const BUFFERED_PACES_MAX: u32 = 30;

/// A site's clock that is off by more than this is worth a look: buffered values carry its time.
const CLOCK_OFF_MAX: DurationMs = DurationMs(5_000);

pub struct Supervisor {
    settings: SessionSettings,
    frames: Frames,
    phase: Phase,
    /// When each message of ours that is not acknowledged yet was sent, by its number.
    unacknowledged: BTreeMap<String, Unacknowledged>,
    /// Requests of ours, sent one by one.
    wishes: VecDeque<Wish>,
    orders: Orders,
    /// Not before this moment is the next wish sent.
    wish_at: Duration,
    unreadable: u32,
    warnings: u32,
    actions: VecDeque<Action>,
    closed: bool,
}

impl Supervisor {
    pub fn new(at: At, settings: SessionSettings) -> Self {
        let until = at.elapsed + settings.timing.introduction;
        Self {
            settings,
            frames: Frames::default(),
            phase: Phase::Introduction { until },
            unacknowledged: BTreeMap::new(),
            wishes: VecDeque::new(),
            orders: Orders::default(),
            wish_at: Duration::ZERO,
            unreadable: 0,
            warnings: 0,
            actions: VecDeque::new(),
            closed: false,
        }
    }

    fn packet(&mut self, at: At, packet: &[u8]) {
        let message = match message::decode(packet) {
            Ok(message) => message,
            Err(malformed) => return self.refuse_malformed(malformed),
        };
        match message.body {
            Body::Ack(ack) => {
                self.unacknowledged.remove(&ack.id);
                let settled = self.orders.acknowledged(&ack.id);
                self.settle(at, settled);
            }
            Body::NotAck(refusal) => self.refused(at, &refusal.id, refusal.reason.unwrap_or_default()),
            body @ (Body::Version(_)
            | Body::Watchdog(_)
            | Body::AggregatedStatus(_)
            | Body::Alarm(_)
            | Body::Status(_)
            | Body::CommandResponse(_)
            | Body::ComponentList(_)
            | Body::NotForUs(_)) => self.message(at, Incoming { id: message.id, body }),
        }
    }

    fn message(&mut self, at: At, message: Incoming) {
        match &self.phase {
            Phase::Introduction { .. } => {
                let Body::Version(asked) = message.body else {
                    // "MessageAck/MessageNotAck should not be sent as a response to any other messages": without an
                    // answer the site starts anew, with its Version.
                    return self.warn("a message before Version is left unanswered");
                };
                self.introduce(at, message.id, &asked);
            }
            Phase::FirstWatchdog { site, .. } => {
                let site = site.clone();
                if matches!(message.body, Body::Watchdog(_)) {
                    self.establish(at, site);
                }
                self.content(at, message);
            }
            Phase::Established(_) => self.content(at, message),
        }
    }

    fn introduce(&mut self, at: At, id: String, asked: &VersionRequest) {
        let known = asked.sites.iter().find_map(|site| {
            self.settings.sites.get_key_value(&site.id).map(|(id, known)| (id.clone(), known.clone()))
        });
        let Some((site_id, known)) = known else {
            let ids: Vec<String> =
                asked.sites.iter().take(4).map(|site| site.id.chars().take(64).collect()).collect();
            return self.reject(id, format!("site id [{}] is not configured here", ids.join(",")));
        };
        let common = match version::choose(asked) {
            Ok(common) => common,
            Err(reason) => return self.reject(id, reason),
        };
        self.actions.push_back(Action::Identified { site: site_id.clone() });
        self.answer(Outgoing::MessageAck { id });
        let (core, sxl) = (common.core, SxlVersion::parse(&common.sxl.version));
        let answer =
            common.answer((self.settings.new_message_id)(), self.settings.supervisor_id.clone(), site_id);
        self.request(at, answer);
        let until = at.elapsed + self.settings.timing.acknowledgement;
        self.phase = Phase::FirstWatchdog { until, site: Site { known, core, sxl } };
    }

    fn establish(&mut self, at: At, site: Site) {
        self.wish_at = at.elapsed + self.settings.timing.pace;
        self.wishes = Wish::at_start(&site);
        let own = Box::new(Own { codes_sent: Vec::new(), clock: self.clock_watch(&site) });
        let flags = Flags::of(site.known.memory.clone());
        self.phase = Phase::Established(Established {
            site,
            since: at.elapsed,
            watchdog_heard: at.elapsed,
            watchdog_next: at.elapsed,
            remark: String::new(),
            clock_warned: false,
            asked: false,
            own,
            flags,
            estimates: Estimates::default(),
            groups: String::new(),
            groups_told: None,
        });
        self.actions.push_back(Action::Up { remark: String::new() });
    }

    /// A message of an introduced site: kept, then acknowledged.
    fn content(&mut self, at: At, message: Incoming) {
        let done = match message.body {
            Body::Watchdog(watchdog) => {
                self.watchdog(at, watchdog.at.0.since(at.utc));
                Ok(())
            }
            Body::AggregatedStatus(status) => self.aggregated(at, &status),
            Body::Alarm(alarm) => self.alarm(at, &alarm),
            Body::Status(status) => self.status(at, &status),
            Body::CommandResponse(answer) => {
                let settled = self.orders.answered(&answer);
                self.settle(at, settled);
                Ok(())
            }
            Body::ComponentList(list) => {
                self.components(&list);
                Ok(())
            }
            Body::NotForUs(kind) => Err(format!("{kind} is for sites; this is a supervisor")),
            Body::Version(_) => Err("Version was exchanged already".to_owned()),
            Body::Ack(_) | Body::NotAck(_) => return,
        };
        match done {
            Ok(()) => self.answer(Outgoing::MessageAck { id: message.id }),
            Err(reason) => self.refuse(message.id, reason),
        }
    }

    fn site(&self) -> Option<&Site> {
        match &self.phase {
            Phase::Introduction { .. } => None,
            Phase::FirstWatchdog { site, .. } => Some(site),
            Phase::Established(established) => Some(&established.site),
        }
    }

    fn junction<T>(
        &self,
        read: impl FnOnce(&models_domain::JunctionId) -> Result<T, String>,
    ) -> Result<T, String> {
        let site = self.site().ok_or("Version comes first")?;
        read(&site.known.junction)
    }

    fn watchdog(&mut self, at: At, off: DurationMs) {
        let Phase::Established(established) = &mut self.phase else { return };
        established.watchdog_heard = at.elapsed;
        let now = ControllerNow { clock_ahead: Some(off), ..ControllerNow::default() };
        let junction = established.site.known.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Now { junction, at: at.utc, now }));
        if off.0.abs() > CLOCK_OFF_MAX.0 && !established.clock_warned {
            established.clock_warned = true;
            let text = format!("the site's clock is off by {:.0} s; check its time source", off.seconds());
            self.warn(text);
        }
    }

    fn check_component(&mut self, component: &str) {
        let main = self.site().map(|site| site.known.main_component.as_str());
        if main.is_some_and(|main| main != component) {
            let text =
                format!("aggregated status comes from component {component:?}; is main_component right?");
            self.warn(text);
        }
    }

    /// Buffered messages first: our requests wait until no more come, but not for ever.
    fn wait_for_buffered(&mut self, at: At) {
        let Phase::Established(established) = &self.phase else { return };
        let pace = self.settings.timing.pace;
        if !established.asked {
            self.wish_at = (at.elapsed + pace).min(established.since + pace * BUFFERED_PACES_MAX);
        }
    }

    fn remark(&mut self, remark: String) {
        let Phase::Established(established) = &mut self.phase else { return };
        if established.remark != remark {
            established.remark.clone_from(&remark);
            self.actions.push_back(Action::Up { remark });
        }
    }

    fn refused(&mut self, at: At, id: &str, reason: String) {
        let Some(refused) = self.unacknowledged.remove(id) else { return };
        // Before it is cut, which might leave half a code.
        let reason = match self.site() {
            Some(site) => site.known.codes.hide(&reason),
            None => reason,
        };
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        if let Some(settled) = self.orders.refused(id, &reason) {
            return self.settle(at, Some(settled));
        }
        let text = format!("the site refused our {}: {reason}", refused.kind);
        match &self.phase {
            Phase::Introduction { .. } | Phase::FirstWatchdog { .. } => self.close(text),
            Phase::Established(_) => self.remark(text),
        }
    }

    fn refuse_malformed(&mut self, malformed: Malformed) {
        if matches!(self.phase, Phase::Introduction { .. }) {
            if let Some(id) = malformed.id {
                self.answer(Outgoing::MessageNotAck { id, reason: malformed.reason.clone() });
            }
            return self.close(format!("no RSMP Version: {}", malformed.reason));
        }
        match malformed.id {
            Some(id) => self.refuse(id, malformed.reason),
            None => {
                self.unreadable += 1;
                self.warn(format!("unreadable packet: {}", malformed.reason));
                if self.unreadable > UNREADABLE_MAX {
                    self.close("too many unreadable packets".to_owned());
                }
            }
        }
    }

    fn refuse(&mut self, id: String, reason: String) {
        self.warn(format!("message refused: {reason}"));
        self.answer(Outgoing::MessageNotAck { id, reason });
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings += 1;
        if self.warnings <= WARNINGS_MAX {
            self.actions.push_back(Action::Warn(text.into()));
        }
    }

    /// "Communication rejection".
    fn reject(&mut self, id: String, reason: String) {
        self.answer(Outgoing::MessageNotAck { id, reason: reason.clone() });
        self.close(reason);
    }

    fn close(&mut self, reason: String) {
        self.closed = true;
        self.actions.push_back(Action::Close { reason });
    }

    fn answer(&mut self, message: Outgoing) {
        self.actions.push_back(Action::Send(wrap(message.encode())));
    }

    fn request(&mut self, at: At, message: Outgoing) {
        if let Some(id) = message.id() {
            let until = at.elapsed + self.settings.timing.acknowledgement;
            self.unacknowledged.insert(id.to_owned(), Unacknowledged { kind: message.kind(), until });
        }
        self.answer(message);
    }

    /// The next wish may go when every message before it is acknowledged.
    fn wish_due(&self) -> Option<Duration> {
        let established = matches!(self.phase, Phase::Established(_));
        (established && self.unacknowledged.is_empty() && !self.wishes.is_empty()).then_some(self.wish_at)
    }

    fn send_wish(&mut self, at: At) {
        let Phase::Established(established) = &mut self.phase else { return };
        let Some(wish) = self.wishes.pop_front() else { return };
        established.asked = true;
        self.wish_at = at.elapsed + self.settings.timing.pace;
        let id = (self.settings.new_message_id)();
        let message = wish.message(id, &established.site, self.settings.timing.counts_interval);
        self.request(at, message);
    }
}
