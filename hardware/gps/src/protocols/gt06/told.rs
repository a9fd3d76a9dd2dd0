//! What GT06 devices tell of the vehicle: some positions and all alarms themselves, for the others the heartbeats between them.

use models_domain::UtcMillis;

use super::super::session::State;
use super::super::{Fix, Told};
use super::frame::Frame;

/// Bytes of a block.
const BLOCK: usize = 18;
/// A place is of now, and not stored, when it is no older; and no newer, as far as clocks agree.
const LIVE_MS: u64 = 5 * 60_000;
/// Heartbeats come every 3 to 5 minutes: what was told longer ago may be over.
const HOLDS_MS: i64 = 10 * 60_000;
/// What an alarm's number and the three bits of a state say when the driver calls for help.
const HELP: u8 = 1;
const HELP_BITS: u8 = 4;

/// Of a heartbeat: its state comes first. Of an alarm without a place: cell, state, voltage, signal, alarm. `None` of all else.
pub(super) fn without_place(frame: &Frame<'_>) -> Option<State> {
    let body = frame.body;
    match (frame.extended, frame.kind, body.len()) {
        // This variant tells other things there.
        (false, 0x13, 16) => None,
        (false, 0x13, _) => Some(state(*body.first()?)),
        // The bits of the alarm are reserved.
        (false, 0x23 | 0x36, _) => Some(State { sos: None, ..state(*body.first()?) }),
        (false, 0x19, 13) => with_alarm(body.get(8..)?),
        (false, 0xa5, 20) => with_alarm(body.get(15..)?),
        _ => None,
    }
}

/// Of a message whose block, if it is one, begins at `block`.
pub(super) fn with_place(frame: &Frame<'_>, block: Option<usize>) -> State {
    let place = block.and_then(|at| frame.body.get(at..)).unwrap_or(&[]);
    let rest = place.get(BLOCK..).unwrap_or(&[]);
    let told = match (frame.extended, frame.kind) {
        (_, 0x16 | 0x26 | 0x27 | 0xa4) => alarm(frame, rest),
        (false, 0x95) => of_camera(frame.body),
        (false, 0x22 | 0x25) if block != Some(0) => rest.get(state_at(frame, rest)).map(|byte| state(*byte)),
        (false, 0x22) => ignition(rest, 2 + 3),
        (false, 0xa0) => ignition(rest, 4 + 8),
        _ => None,
    };
    told.unwrap_or_else(|| of_flags(place))
}

/// What was told without a place, for what the place does not tell itself; stored places are of another time.
pub(super) fn told(own: State, heard: Option<(UtcMillis, State)>, fix: &Fix, now: UtcMillis) -> Told {
    let live = now.0.abs_diff(fix.at.0) <= LIVE_MS;
    let holds = |(at, _): &(UtcMillis, State)| live && now.0.saturating_sub(at.0) <= HOLDS_MS;
    let heard = heard.filter(holds).map(|(_, state)| state);
    let heard = heard.unwrap_or_default();
    Told {
        engine_on: own.engine_on.or(heard.engine_on),
        sos: own.sos.or(heard.sos).unwrap_or(false),
        ..Told::default()
    }
}

/// Bit 1 ignition, bits 3-5 alarm.
fn state(byte: u8) -> State {
    State { engine_on: Some(byte & 2 != 0), sos: Some(byte >> 3 & 7 == HELP_BITS) }
}

/// State, voltage, signal, alarm.
fn with_alarm(bytes: &[u8]) -> Option<State> {
    let state = state(*bytes.first()?);
    let help = bytes.get(3) == Some(&HELP);
    Some(State { sos: Some(help || state.sos == Some(true)), ..state })
}

fn alarm(frame: &Frame<'_>, rest: &[u8]) -> Option<State> {
    let bytes = rest.get(state_at(frame, rest)..)?;
    match (frame.extended, frame.kind, frame.length) {
        // The voltage has two bytes, and no alarm follows it.
        (false, 0x16, 0x24) => Some(state(*bytes.first()?)),
        _ => with_alarm(bytes),
    }
}

/// Where in what follows a block the state is: behind the length of the cell and the cell. Most count the length itself.
fn state_at(frame: &Frame<'_>, rest: &[u8]) -> usize {
    /// There is none.
    const NOWHERE: usize = usize::MAX;
    match (frame.extended, frame.kind, frame.length, rest.first()) {
        // Without the length; with a cell that is longer than it says.
        (false, 0x16, 0x24, Some(1..=3)) => 8,
        (false, 0x16, 0x26, Some(9)) => 10,
        // Room for cells that are not there.
        (.., Some(0)) if rest.get(10..46).is_some_and(|cells| cells.iter().all(|byte| *byte == 0)) => 46,
        (.., Some(8)) => 9,
        (.., Some(length @ 9..=17)) => usize::from(*length),
        _ => NOWHERE,
    }
}

/// Behind a cell of country (2), network (1, or 2 where the country's first bit says so) and `area_and_cell` bytes.
fn ignition(rest: &[u8], area_and_cell: usize) -> Option<State> {
    let network = if rest.first()? >> 7 == 1 { 2 } else { 1 };
    match rest.get(2 + network + area_and_cell) {
        Some(on @ (0 | 1)) => Some(State { engine_on: Some(*on == 1), sos: None }),
        Some(_) | None => None,
    }
}

/// What a camera's alarm is, behind date and place; behind a marker `ff ff` also behind speed and two more bytes.
fn of_camera(body: &[u8]) -> Option<State> {
    let at = if body.starts_with(&[0xff; 2]) { 24 } else { 16 };
    body.get(at).map(|alarm| State { engine_on: None, sos: Some(*alarm == HELP) })
}

/// Bit 14: whether bit 15 says that the ignition is on.
fn of_flags(place: &[u8]) -> State {
    let high = place.get(BLOCK - 2).copied().unwrap_or(0);
    State { engine_on: (high & 0x40 != 0).then_some(high & 0x80 != 0), sos: None }
}
