//! RSMP: the site dials us, introduces itself and reports; we are its supervisor. Pure.
//!
//! `frame` (bytes to packets) -> `message` (packets to messages) -> `supervisor` (the conversation) -> `content`
//! (statuses and alarms to reports). Clause names in quotes are those of the RSMP core specification 3.2.2.

mod changes;
mod clock;
mod content;
mod counts;
mod frame;
mod message;
mod now;
mod order;
mod orders;
mod outgoing;
mod phase;
mod steer;
mod supervisor;
mod sxl;
mod version;
mod wishes;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod code_tests;
#[cfg(test)]
mod content_tests;
#[cfg(test)]
mod house;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod supervisor_tests;

use super::{At, Controller, Reach, Session, SessionSettings, Translate};

pub const CONTROLLER: Controller = Controller {
    name: "rsmp",
    reach: Reach::ItDials { open },
    translate: Translate { put: steer::put, release: steer::release, sweep: steer::sweep },
    handles_alarms: true,
};

fn open(at: At, settings: SessionSettings) -> Box<dyn Session> {
    Box::new(supervisor::Supervisor::new(at, settings))
}
