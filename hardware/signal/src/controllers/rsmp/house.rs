//! A site that answers, in simulated time: it has security codes, plans and a clock, and is what a test makes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use models_domain::{DurationMs, JunctionId, UtcMillis};
use serde_json::{Value as Json, json};
use time::{Date, Month, OffsetDateTime};

use super::CONTROLLER;
use super::outgoing::timestamp;
use crate::controllers::{Action, At, KnownSite, Order, Session, SessionSettings, Synchrony, Timing};

/// 2027-01-15T08:00:00Z.
const START: UtcMillis = UtcMillis(1_800_000_000_000);

const WATCHDOG_MS: u64 = 60_000;

/// No two messages have one number.
static SENT: AtomicU64 = AtomicU64::new(0);

/// How the site is.
pub struct Unit {
    pub sxl: &'static str,
    /// By `Level1` and `Level2`.
    pub codes: BTreeMap<&'static str, String>,
    /// Acknowledges commands, and says nothing more.
    pub silent: bool,
    /// By how much its clock is ahead; `None`: it tells none.
    pub ahead_ms: Option<i64>,
    /// Acknowledges no new code.
    pub ignores_codes: bool,
    /// Acknowledges a command at once, and answers it so much later.
    pub answers_after_ms: u64,
    /// Says that its clock was set, and leaves it as it is.
    pub keeps_time: bool,
    /// How long it thinks before it tells its clock.
    pub thinks_ms: u64,
}

pub struct House {
    settings: SessionSettings,
    session: Box<dyn Session>,
    pub unit: Unit,
    /// By how much the gateway's own clock is ahead, and what the system says of it.
    pub ours_ahead_ms: i64,
    pub synchrony: Synchrony,
    elapsed_ms: u64,
    /// The gateway has ended the link.
    closed: bool,
    /// What was sent of commands, what was warned of and answered.
    told: Vec<String>,
    /// How often it was asked for its clock.
    pub looks: usize,
    /// What it says later.
    later: Vec<(u64, Json)>,
}

impl House {
    pub fn new(sxl: &'static str, make: impl FnOnce(&mut KnownSite)) -> Self {
        let mut known = KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC");
        make(&mut known);
        let settings = SessionSettings {
            sites: Arc::new([("HN".to_owned(), known)].into()),
            supervisor_id: "hanoi".into(),
            timing: Timing::default(),
            new_message_id: || {
                format!("00000000-0000-4000-8000-{:012}", SENT.fetch_add(1, Ordering::Relaxed))
            },
        };
        let codes = [("Level1", "1111".to_owned()), ("Level2", "2222".to_owned())].into();
        let unit = Unit {
            sxl,
            codes,
            silent: false,
            ignores_codes: false,
            answers_after_ms: 0,
            ahead_ms: Some(0),
            keeps_time: false,
            thinks_ms: 0,
        };
        let session = open(&settings, at(0));
        let mut house = Self {
            settings,
            session,
            unit,
            ours_ahead_ms: 0,
            synchrony: Synchrony::Synchronised,
            elapsed_ms: 0,
            closed: false,
            told: Vec::new(),
            looks: 0,
            later: Vec::new(),
        };
        house.introduce();
        house
    }

    /// The site dials again.
    pub fn dial_again(&mut self) {
        self.session = open(&self.settings, self.ours());
        self.closed = false;
        self.later.clear();
        self.introduce();
    }

    pub fn order(&mut self, order: Order) {
        self.session.order(order);
    }

    /// What happened within so many seconds.
    pub fn run(&mut self, seconds: u64) -> Vec<String> {
        let until = self.elapsed_ms + seconds * 1_000;
        while self.elapsed_ms < until {
            self.elapsed_ms = self.next_ms().clamp(self.elapsed_ms + 1, until);
            let at = self.ours();
            if self.elapsed_ms.is_multiple_of(WATCHDOG_MS) {
                self.watchdog();
            }
            let now = self.elapsed_ms;
            let due: Vec<(u64, Json)> = self.later.extract_if(.., |(due, _)| *due <= now).collect();
            due.into_iter().for_each(|(_, message)| self.say(message));
            while !self.closed && self.session.poll_timeout() <= at.elapsed {
                self.session.handle_timeout(at);
                self.drain();
            }
            self.drain();
        }
        std::mem::take(&mut self.told)
    }

    /// By the gateway's own clock.
    fn ours(&self) -> At {
        let true_at = at(self.elapsed_ms);
        At { utc: true_at.utc + DurationMs(self.ours_ahead_ms), synchrony: self.synchrony, ..true_at }
    }

    /// When something happens next.
    fn next_ms(&self) -> u64 {
        let watchdog = (self.elapsed_ms / WATCHDOG_MS + 1) * WATCHDOG_MS;
        let wanted = if self.closed {
            watchdog
        } else {
            u64::try_from(self.session.poll_timeout().as_millis()).unwrap()
        };
        self.later.iter().map(|(due, _)| *due).fold(watchdog.min(wanted), u64::min)
    }

    fn introduce(&mut self) {
        let version = json!({
            "type": "Version", "mId": "v", "RSMP": [{ "vers": "3.2.2" }], "siteId": [{ "sId": "HN" }], "SXL": self.unit.sxl,
        });
        self.say(version);
        self.drain();
        self.watchdog();
        self.drain();
    }

    fn watchdog(&mut self) {
        let now = timestamp(at(self.elapsed_ms).utc);
        self.say(json!({ "type": "Watchdog", "mId": "w", "wTs": now }));
    }

    fn say(&mut self, mut message: Json) {
        message["mType"] = json!("rSMsg");
        let at = self.ours();
        self.session.receive(at, format!("{message}\u{c}").as_bytes());
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Send(bytes) => self.hear(&serde_json::from_slice(&bytes[..bytes.len() - 1]).unwrap()),
                Action::Answered { number, answer } => self.told.push(format!("{number} {answer:?}")),
                Action::Warn(text) => self.told.push(format!("warn {text}")),
                Action::Close { reason } => {
                    self.closed = true;
                    self.told.push(format!("closed {reason}"));
                }
                Action::Identified { .. } | Action::Up { .. } | Action::Down { .. } | Action::Keep(_) => {}
            }
        }
    }

    fn hear(&mut self, message: &Json) {
        let Some(id) = message["mId"].as_str() else { return };
        match message["type"].as_str().unwrap() {
            "CommandRequest" if self.unit.ignores_codes && message["arg"][0]["cCI"] == "M0103" => {
                self.told.push("sent M0103".to_owned());
            }
            "CommandRequest" => match self.command(&message["arg"]) {
                Ok(()) => {
                    self.say(json!({ "type": "MessageAck", "oMId": id }));
                    if !self.unit.silent {
                        self.answer(&message["arg"]);
                    }
                }
                Err(why) => self.say(json!({ "type": "MessageNotAck", "oMId": id, "rea": why })),
            },
            kind => {
                self.say(json!({ "type": "MessageAck", "oMId": id }));
                if kind == "StatusRequest" && message["sS"][0]["sCI"] == "S0096" {
                    self.looks += 1;
                    let told = self.clock(&message["sS"]);
                    self.later.push((self.elapsed_ms + self.unit.thinks_ms, told));
                }
            }
        }
    }

    fn command(&mut self, arguments: &Json) -> Result<(), String> {
        let of = |name: &str| {
            let all = arguments.as_array().into_iter().flatten();
            all.filter(|one| one["n"] == name)
                .find_map(|one| one["v"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let code = arguments[0]["cCI"].as_str().unwrap_or_default();
        self.told.push(format!("sent {code}"));
        let (level, given) = match code {
            "M0103" if of("status") == "Level1" => ("Level1", of("oldSecurityCode")),
            "M0103" => ("Level2", of("oldSecurityCode")),
            "M0104" => ("Level1", of("securityCode")),
            _ => ("Level2", of("securityCode")),
        };
        if self.unit.codes[level] != given {
            return Err(format!("{given} is no security code of {level}"));
        }
        if code == "M0103" {
            self.unit.codes.insert(level, of("newSecurityCode"));
        }
        if code == "M0104" && !self.unit.keeps_time {
            let number = |name: &str| of(name).parse::<u8>().unwrap();
            let month = Month::try_from(number("month")).unwrap();
            let day = Date::from_calendar_date(of("year").parse().unwrap(), month, number("day")).unwrap();
            let set = day.with_hms(number("hour"), number("minute"), number("second")).unwrap();
            let set = UtcMillis(set.assume_utc().unix_timestamp() * 1_000);
            self.unit.ahead_ms = Some(set.since(at(self.elapsed_ms).utc).0);
        }
        Ok(())
    }

    /// S0096, as it is now.
    fn clock(&self, asked: &Json) -> Json {
        let now = at(self.elapsed_ms).utc;
        let told = self
            .unit
            .ahead_ms
            .map(|ahead| OffsetDateTime::from_unix_timestamp((now.0 + ahead).div_euclid(1_000)).unwrap());
        let value = |one: &Json| {
            let value = told.map(|told| match one["n"].as_str().unwrap() {
                "year" => told.year().to_string(),
                "month" => u8::from(told.month()).to_string(),
                "day" => told.day().to_string(),
                "hour" => told.hour().to_string(),
                "minute" => told.minute().to_string(),
                "second" => told.second().to_string(),
                other => panic!("{other}"),
            });
            let quality = if value.is_some() { "recent" } else { "undefined" };
            json!({ "sCI": one["sCI"], "n": one["n"], "s": value, "q": quality })
        };
        let values: Vec<Json> = asked.as_array().unwrap().iter().map(value).collect();
        json!({ "type": "StatusResponse", "mId": "s", "cId": "TC", "sTs": timestamp(now), "sS": values })
    }

    fn answer(&mut self, arguments: &Json) {
        let value = |one: &Json| json!({ "cCI": one["cCI"], "n": one["n"], "v": one["v"], "age": "recent" });
        let values: Vec<Json> = arguments.as_array().unwrap().iter().map(value).collect();
        let now = timestamp(at(self.elapsed_ms).utc);
        let answer = json!({ "type": "CommandResponse", "mId": "r", "cId": "TC", "cTS": now, "rvs": values });
        match self.unit.answers_after_ms {
            0 => self.say(answer),
            later => self.later.push((self.elapsed_ms + later, answer)),
        }
    }
}

fn open(settings: &SessionSettings, at: At) -> Box<dyn Session> {
    (CONTROLLER.opener().unwrap())(at, settings.clone())
}

fn at(elapsed_ms: u64) -> At {
    let since = DurationMs(i64::try_from(elapsed_ms).unwrap());
    At { utc: START + since, elapsed: Duration::from_millis(elapsed_ms), synchrony: Synchrony::Synchronised }
}
