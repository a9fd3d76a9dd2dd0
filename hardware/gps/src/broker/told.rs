//! What was told of one bus, and whether a further position of it is to be.

use std::collections::VecDeque;

use models_domain::transit::Fix;
use models_domain::{DurationMs, MetersPerSecond, UtcMillis};

const MOVING: DurationMs = DurationMs(30_000);
const STANDING: DurationMs = DurationMs(15 * 60_000);
/// Slower than a walk counts as standing: receivers wander.
const WALK: MetersPerSecond = MetersPerSecond(1.0);
/// A bus that was not heard for longer than it is to be sent, by so much, has positions to tell of that time.
const GAP_MORE: DurationMs = DurationMs(15_000);
/// Times without a position, and calls for help, that are remembered of a bus; when there are more the oldest is forgotten.
const REMEMBERED: usize = 16;
/// What a tracker stored before it was first heard here is told when it is no older.
const BEFORE: DurationMs = DurationMs(3 * 24 * 3_600_000);

#[derive(Debug, Clone)]
pub struct Told {
    at: UtcMillis,
    moving: bool,
    sos: bool,
    /// From and to, of which nothing was told for too long: its tracker may have stored positions.
    gaps: VecDeque<(UtcMillis, UtcMillis)>,
    /// When its driver was told to call for help.
    calls: VecDeque<UtcMillis>,
}

fn moves(fix: &Fix) -> bool {
    fix.speed.0 > WALK.0
}

impl Told {
    /// It may have driven while nobody here listened.
    pub fn first(fix: &Fix) -> Self {
        let at = fix.at;
        let calls = fix.told.sos.then_some(at).into_iter().collect();
        Self { at, moving: moves(fix), sos: fix.told.sos, gaps: [(fix.received - BEFORE, at)].into(), calls }
    }

    /// Whether a position that is believed is to be told, and takes note of it.
    pub fn is_due(&mut self, fix: &Fix) -> bool {
        let (at, moving, sos) = (fix.at, moves(fix), fix.told.sos);
        let due = if at > self.at { self.goes_on(at, moving, sos) } else { self.fills(at, moving) };
        // A call that its tracker had stored is told wherever it lies.
        let unheard = sos && self.calls.iter().all(|call| (at.0 - call.0).abs() >= MOVING.0);
        if sos && (due || unheard) {
            remember(&mut self.calls, at);
        }
        due || unheard
    }

    fn goes_on(&mut self, at: UtcMillis, moving: bool, sos: bool) -> bool {
        let wait = if moving { MOVING } else { STANDING };
        let since = at.since(self.at);
        if since < wait && (moving, sos) == (self.moving, self.sos) {
            return false;
        }
        // Who stood and is heard driving may have driven all the time between.
        let usual = if self.moving || moving { MOVING } else { STANDING };
        if since.0 > usual.0 + GAP_MORE.0 {
            remember(&mut self.gaps, (self.at, at));
        }
        (self.at, self.moving, self.sos) = (at, moving, sos);
        true
    }

    /// Whether it lies where nothing was told, not too near to what was.
    fn fills(&mut self, at: UtcMillis, moving: bool) -> bool {
        let wait = if moving { MOVING } else { STANDING };
        let Some(i) = self.gaps.iter().position(|(from, to)| *from < at && at < *to) else { return false };
        let (from, to) = self.gaps[i];
        if at.since(from) < wait || to.since(at) < wait {
            return false;
        }
        self.gaps.remove(i);
        // Trackers send what they stored from the oldest on, or from the newest.
        for (from, to) in [(at, to), (from, at)] {
            if to.since(from).0 >= 2 * MOVING.0 {
                self.gaps.insert(i, (from, to));
            }
        }
        self.gaps.drain(..self.gaps.len().saturating_sub(REMEMBERED));
        true
    }
}

fn remember<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(one);
}
