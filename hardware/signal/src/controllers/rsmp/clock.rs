//! Whether a site's clock is to be set (M0104), by what it says of it itself (S0096). Pure.
//!
//! S0096 knows whole seconds: an answer of `s` says that the clock was at least `s`, and less than `s + 1`, at some moment between
//! our question and the answer. A clock is set when two looks in a row say surely, and alike, that it is off by too much.

use std::time::Duration;

use models_domain::UtcMillis;
use time::{Date, Month, OffsetDateTime};

use super::message::{Quality, Status};
use super::order::Command;
use super::outgoing::StatusName;
use super::phase::Site;
use super::sxl::Code;
use crate::controllers::At;
use crate::controllers::ahead::Ahead;
use crate::controllers::memory::ClockMemory;
use crate::order::{Answer, Value};

/// "Current date and time", in UTC.
const STATUS: &str = "S0096";

/// "Set clock", in UTC.
const COMMAND: &str = "M0104";

/// Arguments of both.
const NAMES: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];

/// From one look to the next; and to one that is to say the same again, or whether the clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(600);
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A clock is not set more often than this.
const SET_EVERY: Duration = Duration::from_secs(3_600);

/// A clock that could not be set so often is left alone until it is right.
const FAILURES_MAX: u32 = 3;

/// That is told again after so long.
const TELL_LOCAL_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// What is to be sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Look,
    /// The clock, which is off by so much.
    Set(Ahead),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Rest {
        until: Duration,
        next: Next,
    },
    /// Since when the site is asked.
    Looking(At),
    Setting,
}

/// Of one link. What must outlive it is in a [`ClockMemory`].
#[derive(Debug)]
pub struct ClockWatch {
    max_ms: i64,
    step: Step,
    /// That it is off, once: to be said again.
    first: Option<Ahead>,
    mute_told: bool,
}

impl ClockWatch {
    /// # Errors
    /// Why the clock of this site cannot be set.
    pub fn new(site: &Site, max: Duration) -> Result<Self, String> {
        let told = Code::status(STATUS).is_some_and(|known| known.arguments(site.sxl).count() == NAMES.len());
        if !told {
            return Err(format!("status {STATUS} is not in the site's signal exchange list"));
        }
        command(site, UtcMillis(0))?;
        let max_ms = i64::try_from(max.as_millis()).unwrap_or(i64::MAX);
        let step = Step::Rest { until: Duration::ZERO, next: Next::Look };
        Ok(Self { max_ms, step, first: None, mute_told: false })
    }

    /// When what is next may go; nothing while an answer is waited for.
    pub fn due(&self) -> Option<(Duration, Next)> {
        match self.step {
            Step::Rest { until, next } => Some((until, next)),
            Step::Looking(_) | Step::Setting => None,
        }
    }

    /// What is remembered was learned by our clock as it was: once that was set, all begins anew.
    pub fn mind_own_clock(&mut self, at: At, memory: &mut ClockMemory) {
        let ours = *memory.ours.get_or_insert(at);
        if !at.stepped_since(ours) {
            return;
        }
        *memory = ClockMemory { ours: Some(at), ..ClockMemory::default() };
        self.first = None;
        if matches!(self.step, Step::Rest { .. }) {
            self.rest(at, Duration::ZERO);
        }
    }

    /// The question went out.
    pub fn looking(&mut self, at: At) {
        self.step = Step::Looking(at);
    }

    /// The new time went out.
    pub fn setting(&mut self, at: At, off: Ahead, memory: &mut ClockMemory) {
        self.step = Step::Setting;
        (memory.set_at, memory.was) = (Some(at.elapsed), Some(off));
    }

    /// What the site answers; `None`: nothing that is a time. The text is for the log.
    pub fn looked(&mut self, at: At, told: Option<UtcMillis>, memory: &mut ClockMemory) -> Option<String> {
        let Step::Looking(asked) = self.step else { return None };
        self.rest(at, LOOK_EVERY);
        let first = self.first.take();
        let Some(told) = told else {
            let before = std::mem::replace(&mut self.mute_told, true);
            return (!before)
                .then(|| format!("the controller does not tell its clock ({STATUS}): it is not set"));
        };
        let ahead = Ahead::read(told, asked, at)?;
        if let Some(was) = memory.was.take() {
            return Some(self.read_back(was, ahead, memory));
        }
        if ahead.is_within(self.max_ms) {
            let ClockMemory { set_at, ours, .. } = *memory;
            *memory = ClockMemory { set_at, ours, ..ClockMemory::default() };
        }
        if !ahead.is_beyond(self.max_ms) {
            return None;
        }
        match first {
            Some(first) if first.agrees(ahead) => self.beyond(at, ahead, memory),
            Some(_) => None,
            None => {
                self.first = Some(ahead);
                self.rest(at, AGAIN_AFTER);
                None
            }
        }
    }

    /// What the site answers to its new time. The text is for the log.
    pub fn set(&mut self, at: At, answer: &Answer, memory: &mut ClockMemory) -> Option<String> {
        match answer {
            Answer::Refused(why) => {
                self.rest(at, LOOK_EVERY);
                let was = memory.was.take()?;
                memory.failures += 1;
                Some(format!("the controller's clock is {was} and cannot be set: {why}{}", given_up(memory)))
            }
            // What it is now is looked at: it may have gone on before it was answered.
            Answer::Done | Answer::Otherwise(_) | Answer::None | Answer::Now(_) => {
                self.rest(at, AGAIN_AFTER);
                None
            }
        }
    }

    /// No answer, or none that says anything.
    pub fn unclear(&mut self, at: At) {
        self.first = None;
        self.rest(at, LOOK_EVERY);
    }

    fn read_back(&self, was: Ahead, now: Ahead, memory: &mut ClockMemory) -> String {
        if now.is_beyond(self.max_ms) {
            memory.failures += 1;
            let over = given_up(memory);
            return format!("the controller's clock was {was} and was set; it is {now} all the same{over}");
        }
        memory.failures = 0;
        format!("the controller's clock was {was} and was set; it is {now} now")
    }

    fn beyond(&mut self, at: At, ahead: Ahead, memory: &mut ClockMemory) -> Option<String> {
        if let Err(why) = at.may_set_clocks() {
            let before = memory.ours_told.replace(why);
            return (before != Some(why))
                .then(|| format!("the controller's clock is {ahead}, and is not set: {why}"));
        }
        memory.is_local |= ahead.may_be_local();
        if memory.is_local {
            let fresh = memory.local_told.is_some_and(|told| at.elapsed < told + TELL_LOCAL_EVERY);
            if fresh {
                return None;
            }
            memory.local_told = Some(at.elapsed);
            return Some(format!(
                "the controller's clock is {ahead}: is that local time? It is not set to UTC"
            ));
        }
        let lately = memory.set_at.is_some_and(|set| at.elapsed < set + SET_EVERY);
        if lately || memory.failures >= FAILURES_MAX {
            return None;
        }
        self.step = Step::Rest { until: at.elapsed, next: Next::Set(ahead) };
        None
    }

    fn rest(&mut self, at: At, pause: Duration) {
        self.step = Step::Rest { until: at.elapsed + pause, next: Next::Look };
    }
}

fn given_up(memory: &ClockMemory) -> String {
    if memory.failures < FAILURES_MAX {
        return "; it is tried again in an hour".to_owned();
    }
    format!("; after {FAILURES_MAX} failures it is left alone until it is right by itself")
}

/// What is asked for.
pub fn names() -> Vec<StatusName> {
    NAMES.map(|name| StatusName { code: STATUS, name }).into()
}

/// Sets the clock to `now`.
///
/// # Errors
/// Why it cannot be sent to this site.
pub fn command(site: &Site, now: UtcMillis) -> Result<Command, String> {
    // It counts whole seconds from then on.
    let seconds = now.0.saturating_add(500).div_euclid(1_000);
    let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|err| err.to_string())?;
    let numbers = [
        i64::from(now.year()),
        i64::from(u8::from(now.month())),
        i64::from(now.day()),
        i64::from(now.hour()),
        i64::from(now.minute()),
        i64::from(now.second()),
    ];
    let values: Vec<(&str, Value)> = NAMES.into_iter().zip(numbers.map(Value::Integer)).collect();
    Command::new(COMMAND, site.sxl, &values, &site.known.codes).map_err(|problems| problems.join("; "))
}

/// Whether `status` answers a question for [`names`].
pub fn answers(status: &Status) -> bool {
    status.values.iter().any(|value| value.code == STATUS)
}

/// The begin of the second that the site says it is.
pub fn told(status: &Status) -> Option<UtcMillis> {
    let number = |name: &str| -> Option<i64> {
        let value = status.values.iter().find(|value| value.code == STATUS && value.name == name)?;
        let known = Code::status(STATUS)?.argument(name)?;
        match (value.quality, known.read(&value.value)) {
            (Quality::Recent, Ok(Value::Integer(number))) => Some(number),
            (Quality::Recent | Quality::Old | Quality::Undefined | Quality::Unknown, _) => None,
        }
    };
    let small = |name: &str| number(name).and_then(|number| u8::try_from(number).ok());
    let month = Month::try_from(small("month")?).ok()?;
    let day = Date::from_calendar_date(i32::try_from(number("year")?).ok()?, month, small("day")?).ok()?;
    let at = day.with_hms(small("hour")?, small("minute")?, small("second")?).ok()?;
    Some(UtcMillis(at.assume_utc().unix_timestamp().checked_mul(1_000)?))
}

#[cfg(test)]
mod tests {
    use super::super::message::{Body, decode};
    use super::*;

    /// `2026-2-28 23:59:59`, each value told with `quality`.
    #[track_caller]
    fn check(time: &str, quality: &str, want: Option<i64>) {
        let numbers = time.split(['-', ' ', ':']);
        let value = |(name, number): (&str, &str)| {
            format!(r#"{{"sCI":"S0096","n":"{name}","s":"{number}","q":"{quality}"}}"#)
        };
        let values: Vec<String> = NAMES.into_iter().zip(numbers).map(value).collect();
        let packet = format!(
            r#"{{"mType":"rSMsg","type":"StatusResponse","mId":"1","cId":"c","sTs":"2026-01-01T00:00:00.000Z","sS":[{}]}}"#,
            values.join(",")
        );
        let Body::Status(status) = decode(packet.as_bytes()).unwrap().body else { panic!("no status") };
        assert!(answers(&status));
        assert_eq!(told(&status).map(|at| at.0), want, "{time}");
    }

    #[test]
    fn a_time_and_what_is_none() {
        check("2026-1-1 00:00:07", "recent", Some(1_767_225_607_000));
        check("2026-1-1 00:00:07", "old", None);
        check("2026-1-1 00:00:07", "unknown", None);
        for odd in [
            "2026-2-29 0:0:0",
            "2026-13-1 0:0:0",
            "2026-0-1 0:0:0",
            "2026-1-1 24:0:0",
            "2026-1-1",
            "x-1-1 0:0:0",
        ] {
            check(odd, "recent", None);
        }
    }
}
