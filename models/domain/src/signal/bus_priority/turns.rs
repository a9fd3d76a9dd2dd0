//! Whose turn it is at one junction: buses ask, one at a time has an order, and the others at the junction have theirs in between.

use std::collections::BTreeMap;

use super::coming::{Coming, Halt};
use super::request::{Call, End, Key, Look, Request, State};
use super::{Approach, Load, Setup, Unknown, Why};
use crate::signal::Aspect;
use crate::signal::group_set::GroupSet;
use crate::signal::order::{PATIENCE_MAX, Seen};
use crate::units::{DurationMs, Meters, UtcMillis};

/// A shorter green is not worth a change.
pub const WORTH: DurationMs = DurationMs(8_000);
/// So far behind the line a bus has left the junction.
pub const CLEAR: Meters = Meters(15.0);
/// A bus that nobody knows of for so long is gone.
const GONE: DurationMs = DurationMs(10_000);
/// After a failure, twice as long after each in a row, and at most.
const AGAIN: DurationMs = DurationMs(10_000);
const AGAIN_MAX: DurationMs = DurationMs(600_000);
/// A bus that has to queue or to start comes at this share of its usual speed.
const SLOW: f64 = 0.5;
const START: DurationMs = DurationMs(3_000);

#[derive(Debug, Clone, Default)]
pub struct Turns {
    requests: BTreeMap<Key, Request>,
    /// Since when others have their turn, and who waited at red then.
    ended: Option<UtcMillis>,
    owed: GroupSet,
    failures: u32,
    again: Option<UtcMillis>,
}

impl Turns {
    /// As it was before the hall was started anew: what stood, and when the last one ended.
    pub fn restored(open: impl IntoIterator<Item = Request>, ended: Option<UtcMillis>) -> Self {
        let key = |request: &Request| (request.vehicle.clone(), request.approach);
        let requests = open.into_iter().map(|request| (key(&request), request)).collect();
        Self { requests, ended, ..Self::default() }
    }

    pub fn requests(&self) -> &BTreeMap<Key, Request> {
        &self.requests
    }

    /// One look. The same is called again until it is answered; an order is called for once at a time.
    pub fn step(&mut self, setup: &Setup, now: UtcMillis, look: Look<'_>) -> Vec<Call> {
        for request in self.requests.values_mut() {
            let here = look.coming.iter().find(|(approach, bus)| {
                *approach == request.approach && bus.vehicle == request.vehicle && bus.run == request.run
            });
            follow(request, here.map(|(_, bus)| bus), &setup.approaches[request.approach], now, look.seen);
        }
        let over = |request: &Request| matches!(&request.state, State::Over { at, .. } if *at == now);
        for request in self.requests.values().filter(|request| over(request)) {
            if request.had_order() {
                self.ended = Some(now);
                self.owed = waiting(&look, &setup.approaches[request.approach].groups);
            }
        }
        self.owed = self.owed.minus(&look.seen.greens());
        // Kept while it is in sight: nobody asks twice on one way.
        self.requests.retain(|_, request| {
            let back = matches!(&request.state, State::Over { order: None, at, .. } if *at < now);
            !back || now.since(request.known) <= GONE
        });
        self.ask(setup, now, look.coming);
        let mut calls: Vec<Call> = self.requests.iter().filter_map(|(key, r)| r.release(key)).collect();
        let next = self.next(setup, now, look.coming);
        if let Some((key, bus)) = next {
            match self.against(setup, now, &look) {
                Some(why) => self.wait(&key, why),
                None => calls.push(self.call(setup, key, bus, now)),
            }
        }
        calls
    }

    /// A call for green was answered: the order's row and when it ends, or why it was not taken.
    pub fn answered(&mut self, key: &Key, now: UtcMillis, answer: Result<(u64, UtcMillis), Why>) {
        let Some(request) = self.requests.get_mut(key) else { return };
        match answer {
            Ok((order, until)) => {
                request.state = match &request.state {
                    State::Over { end, at, .. } => {
                        State::Over { end: end.clone(), at: *at, order: Some(order) }
                    }
                    State::Waits(_) | State::Calling | State::Ordered { .. } => {
                        State::Ordered { order, until }
                    }
                };
                (self.failures, self.again) = (0, None);
            }
            Err(why) => {
                if matches!(why, Why::Safety(_) | Why::Failed(_)) {
                    let wait = AGAIN.0 << self.failures.min(10);
                    self.again = Some(now + DurationMs(wait.min(AGAIN_MAX.0)));
                    self.failures += 1;
                }
                if request.state == State::Calling {
                    request.state = State::Waits(why);
                }
            }
        }
    }

    /// An order stands no more though its time is not over.
    pub fn lost(&mut self, key: &Key, now: UtcMillis, why: String) {
        if let Some(request) = self.requests.get_mut(key)
            && matches!(request.state, State::Ordered { .. })
        {
            request.state = State::Over { end: End::Lost(why), at: now, order: None };
            self.ended = Some(now);
        }
    }

    /// Nothing of an order stands any more.
    pub fn given_back(&mut self, key: &Key, given: u64, now: UtcMillis) {
        if let Some(request) = self.requests.get_mut(key)
            && let State::Over { order, .. } = &mut request.state
            && *order == Some(given)
        {
            *order = None;
            // Who waits at red waited until now.
            self.ended = Some(now);
        }
    }

    fn ask(&mut self, setup: &Setup, now: UtcMillis, coming: &[(usize, Coming)]) {
        for (approach, bus) in coming {
            let key = (bus.vehicle.clone(), *approach);
            let over = |state: &State| matches!(state, State::Over { order: None, .. });
            let known = self.requests.get(&key).is_some_and(|r| r.run == bus.run || !over(&r.state));
            let fits = bus.out.is_none() && bus.halt == Halt::No && bus.to_line.0 > 0.0;
            let due = soonest(bus, &setup.approaches[*approach], now) <= setup.bounds.ahead;
            if known || !fits || !due || bus.late < setup.bounds.late_from {
                continue;
            }
            let request = Request {
                approach: *approach,
                vehicle: bus.vehicle.clone(),
                feed: bus.feed.clone(),
                run: bus.run.clone(),
                route: bus.route.clone(),
                asked: now,
                late: bus.late,
                to_line: bus.to_line,
                state: State::Waits(Why::Turn),
                green: None,
                passed: None,
                known: now,
            };
            self.requests.insert(key, request);
        }
    }

    /// The bus whose turn it would be: that is there first, of two the later. The others wait for it.
    fn next<'a>(
        &mut self,
        setup: &Setup,
        now: UtcMillis,
        coming: &'a [(usize, Coming)],
    ) -> Option<(Key, &'a Coming)> {
        let mut candidates = Vec::new();
        for (key, request) in &mut self.requests {
            if !matches!(request.state, State::Waits(_)) {
                continue;
            }
            let here = coming.iter().find(|(approach, bus)| *approach == key.1 && bus.vehicle == key.0);
            let Some((_, bus)) = here else { continue };
            let why = match bus.halt {
                Halt::Ahead | Halt::Stands => Some(Why::Halts),
                Halt::No => (bus.late < setup.bounds.late_from).then_some(Why::NotLate),
            };
            request.state = State::Waits(why.clone().unwrap_or(Why::Turn));
            if why.is_none() && bus.out.is_none() {
                let there = soonest(bus, &setup.approaches[key.1], now);
                candidates.push((there, DurationMs(-bus.late.0), key.clone(), bus));
            }
        }
        let taken = |state: &State| {
            matches!(state, State::Calling | State::Ordered { .. } | State::Over { order: Some(_), .. })
        };
        if self.requests.values().any(|request| taken(&request.state)) {
            return None;
        }
        candidates.sort_by(|one, other| (one.0, one.1, &one.2).cmp(&(other.0, other.1, &other.2)));
        candidates.into_iter().next().map(|(_, _, key, bus)| (key, bus))
    }

    fn against(&self, setup: &Setup, now: UtcMillis, look: &Look<'_>) -> Option<Why> {
        if let Some(why) = look.blocked {
            return Some(why.clone());
        }
        if self.again.is_some_and(|again| now < again) {
            return Some(Why::BacksOff);
        }
        if self.ended.is_some_and(|ended| now.since(ended) < setup.bounds.rest) {
            return Some(Why::Rest);
        }
        // Whoever is never green waits for nobody: after three times the rest that is no reason any more.
        let long = self.ended.is_none_or(|ended| now.since(ended).0 >= 3 * setup.bounds.rest.0);
        if !self.owed.is_empty() && !long {
            return Some(Why::OthersWait);
        }
        match (look.load, setup.bounds.unknown_load) {
            (Load::Busy { per_h, max }, _) => Some(Why::Busy { per_h: *per_h, max: *max }),
            (Load::Unknown(why), Unknown::Nothing) => Some(Why::LoadUnknown(why.clone())),
            (Load::Unknown(_), Unknown::AsQuiet) | (Load::NotMeasured | Load::Quiet(_), _) => None,
        }
    }

    fn wait(&mut self, key: &Key, why: Why) {
        if let Some(request) = self.requests.get_mut(key) {
            request.state = State::Waits(why);
        }
    }

    fn call(&mut self, setup: &Setup, key: Key, bus: &Coming, now: UtcMillis) -> Call {
        let approach = &setup.approaches[key.1];
        let hold = hold(bus, approach, setup.bounds.green_max);
        // The least that is worth it must be left when the others have had their minimum.
        let patience = DurationMs((hold.0 - WORTH.0).clamp(0, PATIENCE_MAX.0));
        if let Some(request) = self.requests.get_mut(&key) {
            (request.state, request.known) = (State::Calling, now);
        }
        Call::Green { key, groups: approach.groups, hold, patience }
    }
}

/// On with one bus; `here`: where it is now.
fn follow(request: &mut Request, here: Option<&Coming>, approach: &Approach, now: UtcMillis, seen: &Seen) {
    let left = here.is_some_and(|bus| {
        let gone_on = bus.speed.0 * now.since(bus.at).seconds().max(0.0);
        bus.to_line.0 <= 0.0 || bus.to_line.0 - 0.7 * gone_on < -CLEAR.0
    });
    if let Some(bus) = here {
        request.known = now;
        request.passed = request.passed.or(bus.crossed);
    }
    let out = here.is_some_and(|bus| bus.out.is_some()) || now.since(request.known) > GONE;
    let (end, order) = match &request.state {
        State::Ordered { order, until } => {
            if request.green.is_none() && approach.groups.is_subset(&seen.greens()) {
                request.green = Some(now);
            }
            let stands = here.is_some_and(|bus| bus.halt == Halt::Stands);
            let end = if left {
                End::Passed
            } else if out {
                End::Gone
            } else if stands {
                End::Halts
            } else if now >= *until {
                End::Expired
            } else {
                return;
            };
            let order = Some(*order).filter(|_| end != End::Expired);
            (end, order)
        }
        State::Waits(why) if left => (End::Unhelped(why.clone()), None),
        State::Waits(why) if out => (End::Unhelped(why.clone()), None),
        State::Waits(_) | State::Calling | State::Over { .. } => return,
    };
    request.state = State::Over { end, at: now, order };
}

/// Groups that show red and conflict with these.
fn waiting(look: &Look<'_>, groups: &GroupSet) -> GroupSet {
    let against = groups.iter().fold(GroupSet::EMPTY, |all, group| all.or(&look.layout.conflicts(group)));
    let red = (0..=u8::MAX).zip(look.seen.groups()).filter(|(_, lamp)| lamp.aspect == Aspect::Red);
    red.map(|(group, _)| group).collect::<GroupSet>().and(&against)
}

/// When a bus may be at the line at the soonest.
fn soonest(bus: &Coming, approach: &Approach, now: UtcMillis) -> DurationMs {
    let speed = bus.speed.0.max(approach.speed.0).max(1.0);
    let near = bus.to_line.0 - speed * now.since(bus.at).seconds().max(0.0);
    DurationMs((near.max(0.0) / speed * 1e3) as i64)
}

/// Long enough for a bus that has to queue.
fn hold(bus: &Coming, approach: &Approach, most: DurationMs) -> DurationMs {
    let slow = (approach.speed.0 * SLOW).max(0.5);
    let through = DurationMs(((bus.to_line.0.max(0.0) + CLEAR.0) / slow * 1e3) as i64) + START;
    DurationMs(through.0.clamp(WORTH.0, most.0.max(WORTH.0)))
}
