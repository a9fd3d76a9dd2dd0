//! One class of cameras under load: the part of their pictures that is analysed, and how many of them are served at all.

use std::time::Duration;

use super::{Grant, USEFUL_FPS};

/// A share is cut and raised by so much at a time.
const CUT: f64 = 0.75;
const RAISE: f64 = 0.1;
/// So long a camera keeps its turn when there are not turns enough for all.
const TURN: Duration = Duration::from_secs(60);
/// So long it takes until a change in who is served shows.
const SETTLE: Duration = Duration::from_secs(2);
/// Another camera is served after so long at ease; longer each time that was too early.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_MAX: Duration = Duration::from_secs(80);

#[derive(Debug, Clone)]
pub struct Class {
    /// Cameras of this class worked lately.
    pub busy: bool,
    share: f64,
    /// In the order in which they are served.
    cameras: Vec<Camera>,
    /// The first of those that are served, and how many are.
    first: usize,
    served: usize,
    turned: Duration,
    /// When the number of those served last changed, and whether it grew.
    changed: Duration,
    grew: bool,
    patience: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Camera {
    seat: u64,
    /// The least share that is of use to it.
    least: f64,
}

impl Class {
    pub fn new(now: Duration) -> Self {
        Self {
            busy: false,
            share: 1.0,
            cameras: Vec::new(),
            first: 0,
            served: 0,
            turned: now,
            changed: now,
            grew: false,
            patience: PATIENCE,
        }
    }

    pub fn join(&mut self, seat: u64, fps: f64) {
        let least = if fps > USEFUL_FPS { USEFUL_FPS / fps } else { 1.0 };
        let all = self.served == self.cameras.len();
        self.cameras.push(Camera { seat, least });
        self.served += usize::from(all);
    }

    pub fn leave(&mut self, seat: u64) {
        self.cameras.retain(|camera| camera.seat != seat);
        self.served = self.served.min(self.cameras.len());
        self.first = if self.first < self.cameras.len() { self.first } else { 0 };
    }

    pub fn grant(&self, seat: u64) -> Grant {
        let Some(place) = self.cameras.iter().position(|camera| camera.seat == seat) else {
            return Grant::Share(1.0);
        };
        let count = self.cameras.len();
        if (place + count - self.first) % count >= self.served {
            return Grant::Rest;
        }
        let least = self.cameras.get(place).map_or(1.0, |camera| camera.least);
        Grant::Share(self.share.max(least))
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.cameras.len()
    }

    /// Whether less can be done for it.
    pub fn can_give(&self) -> bool {
        self.share > self.floor() || self.served > 1
    }

    /// Whether more could be done for it.
    pub fn lacks(&self) -> bool {
        self.share < 1.0 || self.served < self.cameras.len()
    }

    /// `behind_for`: so long the machine is behind without a break. Who is served does not change for less than [`SETTLE`].
    pub fn cut(&mut self, now: Duration, behind_for: Duration) {
        let floor = self.floor();
        if self.share > floor {
            self.share = (self.share * CUT).max(floor);
            return;
        }
        let since = now.saturating_sub(self.changed);
        if since < SETTLE || behind_for < SETTLE {
            return;
        }
        // One more was too many: back to what went well, and longer until the next try.
        if self.grew && since < 2 * PATIENCE {
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
            self.served -= 1;
        } else {
            self.served = ((self.served as f64 * CUT) as usize).max(1);
        }
        (self.changed, self.grew) = (now, false);
    }

    pub fn raise(&mut self, now: Duration) {
        if self.served == self.cameras.len() {
            self.share = (self.share + RAISE).min(1.0);
            return;
        }
        let since = now.saturating_sub(self.changed);
        if since < self.patience {
            return;
        }
        // The last try went well.
        if self.grew {
            self.patience = PATIENCE;
        }
        self.served += 1;
        (self.changed, self.grew) = (now, true);
    }

    /// One camera goes and the next one comes, so that each is served for [`TURN`] without a break.
    pub fn go_round(&mut self, now: Duration) {
        let (count, served) = (self.cameras.len(), self.served);
        if served == count || served == 0 {
            self.turned = now;
            return;
        }
        let each = TURN / u32::try_from(served).unwrap_or(u32::MAX);
        if now.saturating_sub(self.turned) >= each {
            self.turned = now;
            self.first = (self.first + 1) % count;
        }
    }

    /// The share at which even its fastest camera gets no more than what is of use.
    fn floor(&self) -> f64 {
        self.cameras.iter().map(|camera| camera.least).fold(1.0, f64::min)
    }
}
