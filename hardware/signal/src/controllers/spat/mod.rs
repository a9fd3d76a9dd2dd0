//! SPaT (SAE J2735): the cabinet broadcasts what its signal groups show; we hear, and can order nothing. Pure.
//!
//! `crate::j2735` (datagrams to messages) -> `session` (what it is to us) with `time` (marks within the hour). Nobody signs these
//! datagrams: whoever reaches the port can speak for the cabinet.

mod session;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use session::Group;
pub(crate) use time::{mark_of, minute_and_millisecond};

use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use super::{Asked, At, Controller, DialSettings, Reach, Session, Steering, Translate};

pub const CONTROLLER: Controller = Controller {
    name: "spat",
    reach: Reach::ItBroadcasts { open, check_group },
    translate: Translate { put, release, sweep },
    handles_alarms: false,
};

fn open(at: At, settings: DialSettings) -> Box<dyn Session> {
    Box::new(session::Hearer::new(at, settings))
}

fn check_group(name: &str) -> Result<(), String> {
    name.parse::<session::Group>().map(|_| ())
}

fn put(_: &Steering, wanted: &Wanted, _: DurationMs) -> Result<Vec<Asked>, String> {
    Err(format!("SPaT is a broadcast and offers no way to order {}", wanted.name()))
}

fn release(_: &Steering, _: &Wanted) -> Result<Vec<Asked>, String> {
    Ok(Vec::new())
}

fn sweep(_: &Steering) -> Vec<Asked> {
    Vec::new()
}
