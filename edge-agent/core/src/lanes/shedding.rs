//! How much each camera gets when the machine cannot serve all. Pure: it is told how long work waited.
//!
//! The lowest class gives first: each of its cameras is analysed less often, down to [`USEFUL_FPS`]. Below that following
//! road users is in vain, so from there on fewer cameras are served at that rate and the others rest; who is served goes
//! round, one camera at a time. Then it is the next class's turn.

mod class;

use std::time::Duration;

use hardware_ports::infer::Priority;

use self::class::Class;

/// Pictures a second below which the tracker confirms nobody: a camera gets at least so many, or none.
const USEFUL_FPS: f64 = 3.0;

/// From the lowest class on.
const CLASSES: [Priority; 3] = [Priority::Health, Priority::Incident, Priority::Counting];
/// The shares are looked at this often.
const PERIOD: Duration = Duration::from_millis(500);
/// Work that waits longer than this means that the machine is behind; shorter than that, that it has room. A picture always
/// waits while the one before it is looked at: that alone must not keep a share down that was cut once.
const BEHIND: Duration = Duration::from_millis(250);
const AT_EASE: Duration = Duration::from_millis(150);
/// A single late one is a hiccup: the machine is behind when this part of the work was late, and has room when less than
/// that part waited at all.
const MANY: f64 = 0.25;
const FEW: f64 = 0.1;

/// What a camera gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grant {
    /// The part (above 0, at most 1) of its pictures that is analysed.
    Share(f64),
    /// Nothing: it is others' turn.
    Rest,
}

#[derive(Debug, Clone)]
pub struct Shedding {
    since: Duration,
    /// Work begun since then, what of it was late, and what of it waited too long to speak of room.
    begun: u32,
    late: u32,
    waited: u32,
    /// Since when the machine is behind without a break.
    behind_since: Option<Duration>,
    classes: [(Priority, Class); 3],
}

impl Shedding {
    pub fn new(now: Duration) -> Self {
        let classes = CLASSES.map(|of| (of, Class::new(now)));
        Self { since: now, begun: 0, late: 0, waited: 0, behind_since: None, classes }
    }

    /// A camera that wants so many pictures a second; `seat` names it.
    pub fn join(&mut self, class: Priority, seat: u64, fps: f64) {
        self.class_mut(class).join(seat, fps);
    }

    pub fn leave(&mut self, class: Priority, seat: u64) {
        self.class_mut(class).leave(seat);
    }

    /// Work of a camera of this class began at `now` after it had waited so long.
    pub fn waited(&mut self, now: Duration, class: Priority, wait: Duration) {
        self.begun += 1;
        self.late += u32::from(wait > BEHIND);
        self.waited += u32::from(wait >= AT_EASE);
        self.class_mut(class).busy = true;
        if now.saturating_sub(self.since) >= PERIOD {
            self.decide(now);
            (self.since, self.begun, self.late, self.waited) = (now, 0, 0, 0);
            self.classes.iter_mut().for_each(|(_, class)| class.busy = false);
        }
    }

    pub fn grant(&self, class: Priority, seat: u64) -> Grant {
        let found = self.classes.iter().find(|(of, _)| *of == class);
        found.map_or(Grant::Share(1.0), |(_, class)| class.grant(seat))
    }

    fn decide(&mut self, now: Duration) {
        self.classes.iter_mut().for_each(|(_, class)| class.go_round(now));
        let mut classes = self.classes.iter_mut().map(|(_, class)| class);
        let part = |of: u32| f64::from(of) / f64::from(self.begun.max(1));
        if part(self.late) >= MANY {
            let behind_for = now.saturating_sub(*self.behind_since.get_or_insert(self.since));
            if let Some(lowest) = classes.find(|class| class.busy && class.can_give()) {
                lowest.cut(now, behind_for);
            }
            return;
        }
        self.behind_since = None;
        if part(self.waited) < FEW
            && let Some(highest) = classes.rev().find(|class| class.lacks())
        {
            highest.raise(now);
        }
    }

    fn class_mut(&mut self, class: Priority) -> &mut Class {
        let place = self.classes.iter().position(|(of, _)| *of == class).unwrap_or(0);
        &mut self.classes[place].1
    }
}

#[cfg(test)]
#[path = "shedding/shedding_tests.rs"]
mod tests;
