//! NTCIP 1202 over SNMP: we ask, the controller answers; nothing comes by itself. Pure.
//!
//! `snmp` (datagrams) -> `session` (what is asked when) -> `lamps`, `status`, `clock`, `counts`, `settings`, `blocks`, `timing` (what the answers
//! mean).
//! The other way `steer` (what a person wants) -> `held` (settings, set again within the unit's backup time). Clause numbers are those of
//! NTCIP 1202 v02.18.
//!
//! The block objects of 1202 (§2.12, §3.1) carry the unit's settings and no lamps, so lamps are read in groups of at most eight
//! variables, as many as the smallest units answer at once. Settings are too, and again by block: `session/blocks.rs` says when.

mod ber;
mod blocks;
mod clock;
mod counts;
mod held;
mod lamps;
mod objects;
mod session;
mod settings;
mod snmp;
mod status;
mod steer;
mod timing;

use super::{At, Controller, DialSettings, Reach, Session, Translate};

pub const CONTROLLER: Controller = Controller {
    name: "ntcip",
    reach: Reach::WeDial { open, check_group },
    translate: Translate { put: steer::put, release: steer::release, sweep: steer::sweep },
    handles_alarms: false,
};

fn open(at: At, settings: DialSettings) -> Box<dyn Session> {
    Box::new(session::Asker::new(at, settings))
}

fn check_group(name: &str) -> Result<(), String> {
    name.parse::<lamps::Lamp>().map(|_| ())
}
