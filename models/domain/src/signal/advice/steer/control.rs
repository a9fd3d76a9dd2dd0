//! What was ordered of one junction, and what became of it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::{Back, Bounds, Call, Kind, Look, Lost, Refused, Released, State, Tally, Why};
use crate::signal::order::{ORDERS_WINDOW, again_after};
use crate::units::{DurationMs, UtcMillis};

/// After a refusal, twice as long after each in a row, and at most.
const AGAIN: DurationMs = DurationMs(10_000);
const AGAIN_MAX: DurationMs = DurationMs(600_000);
/// What could not be given back is tried once more after this, and then left to its own end.
const BACK_AGAIN: DurationMs = DurationMs(3_000);
const BACK_MAX: u32 = 2;
/// So many orders within [`ORDERS_WINDOW`], giving back included: half of what safety lets pass is left to people.
const ORDERS_ALL_MAX: usize = 3;
/// A pole that is asked has answered by then, or will not any more.
const ANSWERED_BY: DurationMs = DurationMs(10_000);
/// So many refusals of the pole within an hour are enough for an hour.
const REFUSALS_MAX: usize = 3;
/// No order for groups lasts longer (`Wanted::longest`).
const LONGEST: DurationMs = DurationMs(300_000);
pub(super) const HOUR: DurationMs = DurationMs(3_600_000);

/// The green that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Green {
    pub(super) stage: usize,
    pub(super) since: UtcMillis,
    /// The pole was asked.
    pub(super) spent: bool,
    /// What was ordered in it, and the plan's own length then.
    pub(super) ordered: Option<(Kind, DurationMs)>,
}

/// Steers one junction. Give it a look every second.
#[derive(Debug, Clone)]
pub struct Steer {
    pub(super) bounds: Bounds,
    pub(super) state: State,
    why: Why,
    pub(super) green: Option<Green>,
    /// The stage shown last, also while lamps are between two.
    pub(super) last: Option<usize>,
    /// By stage: how often in a row the next one followed it; and whether what is seen since the last stage began is the junction's own.
    pub(super) followed: Vec<u32>,
    pub(super) own: bool,
    pub(super) wanted: Option<(usize, usize)>,
    pub(super) steady: u32,
    /// Rounds with orders since the last one without, whether this one has any, and whether it is to have none.
    pub(super) rounds: u32,
    pub(super) round_ordered: bool,
    pub(super) rests: bool,
    /// When orders were made, of the last minute; when the pole refused, of the last hour.
    pub(super) sent: VecDeque<UtcMillis>,
    refused: VecDeque<UtcMillis>,
    /// In a row: of all kinds, and of those that the pole took and the controller did not do.
    pub(super) failures: u32,
    pub(super) unheeded: u32,
    /// When the pole took what was ordered last, unless it was given back or lost since.
    pub(super) taken_at: Option<UtcMillis>,
    /// When the pole was asked for the green that is called.
    called_at: Option<UtcMillis>,
    /// How often the pole was asked to let go of what is given back, how many of those it has not answered, and which order that is or was.
    backs: u32,
    backs_open: u32,
    last_back: Option<u64>,
    /// How often in a row it could not be asked.
    unsent: u32,
    /// Nothing stood at the last look, and when that was.
    idle: bool,
    looked_at: Option<UtcMillis>,
    pub(super) again: Option<UtcMillis>,
    pub(super) stopped: Option<UtcMillis>,
    pub(super) tally: Tally,
}

impl Steer {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::Follows,
            why: Why::Silent("not_yet".to_owned()),
            green: None,
            last: None,
            followed: Vec::new(),
            own: false,
            wanted: None,
            steady: 0,
            rounds: 0,
            round_ordered: false,
            rests: false,
            sent: VecDeque::new(),
            refused: VecDeque::new(),
            failures: 0,
            unheeded: 0,
            taken_at: None,
            called_at: None,
            backs: 0,
            backs_open: 0,
            last_back: None,
            unsent: 0,
            idle: true,
            looked_at: None,
            again: None,
            stopped: None,
            tally: Tally::default(),
        }
    }

    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Why nothing was ordered at the last look.
    pub fn why(&self) -> &Why {
        &self.why
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// An order of its own stands of which nothing is known here, as of before the hall was started anew: it is given back.
    pub fn found(&mut self, order: u64, until: UtcMillis, at: UtcMillis) {
        // Who looked may have read the store before the last answer came in.
        if self.state == State::Follows && self.idle && self.last_back != Some(order) {
            self.give_back(order, until, Back::Restart, at);
        }
    }

    /// One look. What is called for is called for once, until it is answered.
    pub fn step(&mut self, at: UtcMillis, look: Look<'_>) -> Option<Call> {
        self.begin(at, look.day);
        self.see(at, &look);
        let ends = match self.state {
            State::Ordered { kind, stage, until, .. } => self.ends(at, &look, (kind, stage), until),
            State::Follows | State::Calling { .. } | State::Back { .. } => None,
        };
        if let ControlFlow::Break(call) = self.look_after(at, ends) {
            return call;
        }
        match self.wish(at, &look) {
            Ok(call) => {
                self.called(at, &call);
                Some(call)
            }
            Err(why) => {
                self.why = why;
                None
            }
        }
    }

    /// One look where there is no advice at all, `silence` by its name: nothing is ordered, and what stands is given back.
    pub fn unadvised(
        &mut self,
        at: UtcMillis,
        day: i64,
        blocked: Option<&Why>,
        silence: &str,
    ) -> Option<Call> {
        self.begin(at, day);
        // Nobody follows the lamps.
        (self.green, self.last, self.own) = (None, None, false);
        (self.wanted, self.steady) = (None, 0);
        let ends = match blocked {
            // The pole ends it by itself, and tells why on the order's row.
            Some(Why::Ending) => None,
            Some(why) if why.is_of_others() => Some(Back::GivesWay),
            Some(_) | None => Some(Back::Silent),
        };
        if let ControlFlow::Break(call) = self.look_after(at, ends) {
            return call;
        }
        self.why = blocked.cloned().unwrap_or_else(|| Why::Silent(silence.to_owned()));
        None
    }

    fn begin(&mut self, at: UtcMillis, day: i64) {
        self.tally.on(day);
        self.clock(at);
        self.sent.retain(|then| at.since(*then) < ORDERS_WINDOW);
        self.refused.retain(|then| at.since(*then) < HOUR);
        self.idle = self.state == State::Follows;
    }

    /// What was called for and what stands; `ends`: why that has to end now. Goes on where there is neither.
    fn look_after(&mut self, at: UtcMillis, ends: Option<Back>) -> ControlFlow<Option<Call>> {
        match (self.state.clone(), ends) {
            (State::Calling { .. }, _) if self.called_at.is_some_and(|then| at.since(then) < ANSWERED_BY) => {
                return ControlFlow::Break(None);
            }
            // Whatever became of it is found on the order's row.
            (State::Calling { .. }, _) => self.unanswered(at),
            (State::Ordered { until, .. } | State::Back { until, .. }, _) if at >= until => self.over(),
            (State::Ordered { .. }, None) => return ControlFlow::Break(None),
            (State::Ordered { order, until, .. }, Some(why)) => self.give_back(order, until, why, at),
            (State::Back { .. } | State::Follows, _) => {}
        }
        let State::Back { order, again, .. } = &mut self.state else { return ControlFlow::Continue(()) };
        let enough = self.backs >= BACK_MAX || self.sent.len() >= ORDERS_ALL_MAX;
        if at < *again || enough {
            return ControlFlow::Break(None);
        }
        // Unless it is answered sooner.
        *again = at + ANSWERED_BY;
        let order = *order;
        (self.backs, self.backs_open) = (self.backs + 1, self.backs_open + 1);
        self.sent.push_back(at);
        ControlFlow::Break(Some(Call::Release { order }))
    }

    /// A call for green was answered: the order's row and when it ends, or why it was not taken.
    pub fn answered(&mut self, at: UtcMillis, answer: Result<(u64, UtcMillis), Refused>) {
        let State::Calling { kind, stage } = self.state else {
            // Nobody waits for it any more.
            if self.state == State::Follows
                && let Ok((order, until)) = answer
            {
                self.give_back(order, until, Back::Silent, at);
            }
            return;
        };
        if let (Some(green), Err(_)) = (&mut self.green, &answer) {
            green.ordered = None;
        }
        match answer {
            Ok((order, until)) => {
                self.taken_at = Some(at);
                self.state = State::Ordered { kind, stage, order, until };
            }
            Err(Refused::Here(why)) => {
                if matches!(why, Why::Safety(_) | Why::Failed(_)) {
                    self.failed(at);
                }
                (self.state, self.why) = (State::Follows, why);
            }
            Err(Refused::Pole(why)) => {
                self.refused_by_pole(at);
                (self.state, self.why) = (State::Follows, Why::Failed(why));
            }
        }
    }

    /// An order stands no more though its time is not over.
    pub fn lost(&mut self, at: UtcMillis, lost: Lost) {
        match self.state {
            State::Ordered { .. } => {
                self.taken_at = None;
                match lost {
                    Lost::Ended => self.over(),
                    Lost::Pole(why) => {
                        self.refused_by_pole(at);
                        (self.state, self.why) = (State::Follows, Why::Failed(why));
                    }
                }
            }
            // A pole that is told to let go while it reads back says that it does not show.
            State::Back { .. } => self.over(),
            State::Follows | State::Calling { .. } => {}
        }
    }

    /// A call to let go of `order` was answered.
    pub fn given_back(&mut self, at: UtcMillis, order: u64, released: Released) {
        let State::Back { order: back, again, .. } = &mut self.state else { return };
        if *back != order {
            return;
        }
        *again = at + BACK_AGAIN;
        // Of two that are open nobody knows which one this is of: both were sent then.
        let only = self.backs_open == 1;
        if only {
            self.backs_open = 0;
        }
        match released {
            Released::Over => self.over(),
            // No try, and so never the last one: later and later until its time is over.
            Released::NotSent if only => {
                *again = at + again_after(self.unsent);
                self.unsent = self.unsent.saturating_add(1);
                self.backs -= 1;
                self.sent.pop_back();
            }
            Released::Sent => self.unsent = 0,
            Released::NotSent => {}
        }
    }

    /// An order has had its time, or is given back.
    fn over(&mut self) {
        self.state = State::Follows;
    }

    fn give_back(&mut self, order: u64, until: UtcMillis, why: Back, at: UtcMillis) {
        self.tally.back(why);
        self.taken_at = None;
        (self.backs, self.backs_open, self.last_back) = (0, 0, Some(order));
        self.unsent = 0;
        self.state = State::Back { order, until, why, again: at };
    }

    fn unanswered(&mut self, at: UtcMillis) {
        self.failed(at);
        (self.state, self.why) = (State::Follows, Why::Failed("no answer".to_owned()));
        if let Some(green) = &mut self.green {
            green.ordered = None;
        }
    }

    /// A clock that was set back: moments that lie ahead of it are now, and what was ordered by the clock of before is given back.
    fn clock(&mut self, at: UtcMillis) {
        let before = self.looked_at.replace(at);
        if before.is_none_or(|before| before <= at) {
            return;
        }
        for then in self.sent.iter_mut().chain(&mut self.refused) {
            *then = at.min(*then);
        }
        let within = |until: Option<UtcMillis>, most: DurationMs| until.map(|until| until.min(at + most));
        (self.again, self.stopped) = (within(self.again, AGAIN_MAX), within(self.stopped, HOUR));
        self.called_at = within(self.called_at, DurationMs(0));
        if let Some(green) = &mut self.green {
            (green.spent, green.ordered) = (true, None);
        }
        if let State::Ordered { order, until, .. } = self.state {
            self.give_back(order, until, Back::Silent, at);
        }
        if let State::Back { until, again, .. } = &mut self.state {
            (*until, *again) = ((*until).min(at + LONGEST), (*again).min(at + BACK_AGAIN));
        }
    }

    pub(super) fn failed(&mut self, at: UtcMillis) {
        let wait = DurationMs((AGAIN.0 << self.failures.min(10)).min(AGAIN_MAX.0));
        self.again = Some(at + wait);
        self.failures += 1;
        self.tally.refusals += 1;
    }

    fn refused_by_pole(&mut self, at: UtcMillis) {
        self.failed(at);
        self.refused.push_back(at);
        if self.refused.len() >= REFUSALS_MAX {
            self.stopped = Some(at + HOUR);
            self.refused.clear();
        }
    }

    fn called(&mut self, at: UtcMillis, call: &Call) {
        if let Call::Green { kind, stage, plans, .. } = call {
            self.state = State::Calling { kind: *kind, stage: *stage };
            (self.called_at, self.taken_at) = (Some(at), None);
            self.sent.push_back(at);
            self.tally.orders += 1;
            self.round_ordered = true;
            if let Some(green) = &mut self.green {
                (green.spent, green.ordered) = (true, Some((*kind, *plans)));
            }
        }
    }
}
