//! Sans-IO outbox: which events to send next, when to send them again, what is done. No sockets, no clock, no payloads.
//!
//! Events are known by (boot, seq) only; their bytes lie in the [`crate::spool`]. The far side confirms cumulatively
//! ("stored up to") and accepts only the next seq, so a lost message is mended by going back to the oldest event that
//! is not confirmed (go-back-N), first after [`Limits::resend_after`], then ever more slowly.

use std::collections::VecDeque;
use std::time::Duration;

/// Answers that come sooner than this after a (re)send cannot be about it: they do not start another one.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most events in one message.
    pub batch: u64,
    /// Most events on their way and not confirmed.
    pub window: u64,
    /// With so many messages on their way and not confirmed, only full ones are sent: where events come one by one, the far
    /// side would otherwise drown in messages of one event each.
    pub messages: u32,
    /// Without progress for so long everything not confirmed is sent again.
    pub resend_after: Duration,
    /// The pause doubles at each fruitless resend, up to this.
    pub resend_after_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 250,
            window: 2_000,
            messages: 32,
            resend_after: Duration::from_secs(5),
            resend_after_max: Duration::from_secs(10),
        }
    }
}

/// Events of one boot without holes: first to last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub boot: u64,
    pub first: u64,
    pub last: u64,
}

/// One message to send: events `from..=to` of `boot`, fewer if they would be too many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub boot: u64,
    pub from: u64,
    pub to: u64,
    /// Everything of this boot before it was confirmed, or is lost: the far side must not wait for it.
    pub oldest_kept: u64,
}

/// All times are [`Clock::elapsed`](hardware_ports::Clock::elapsed): a clock that jumps must not start a storm.
pub struct Outbox {
    limits: Limits,
    /// Not confirmed, oldest first. Only the first run is on its way: the next starts when it is confirmed, because
    /// what lies between two runs (a new boot, or a damaged record) must not be waited for, and only
    /// [`Span::oldest_kept`] tells the far side so.
    runs: VecDeque<Run>,
    /// Next seq of the first run to send.
    next: u64,
    /// Shrinks to one batch while nobody confirms.
    window: u64,
    /// Sent since the far side last confirmed something.
    messages: u32,
    pause: Duration,
    resend_at: Option<Duration>,
    /// Last progress or last start from the oldest.
    turned_at: Duration,
}

impl Outbox {
    /// `leftover`: what the spool still keeps of earlier boots, oldest first.
    pub fn new(limits: Limits, leftover: Vec<Run>) -> Self {
        let next = leftover.first().map_or(0, |r| r.first);
        Self {
            runs: leftover.into(),
            next,
            window: limits.window,
            messages: 0,
            pause: limits.resend_after,
            resend_at: None,
            turned_at: Duration::ZERO,
            limits,
        }
    }

    /// An event is on disk and may be sent. Boots only grow, and seqs within a boot.
    pub fn push(&mut self, boot: u64, seq: u64) {
        match self.runs.back_mut() {
            Some(run) if run.boot == boot && run.last + 1 == seq => run.last = seq,
            Some(_) => self.runs.push_back(Run { boot, first: seq, last: seq }),
            None => {
                self.next = seq;
                self.runs.push_back(Run { boot, first: seq, last: seq });
            }
        }
    }

    /// What to send now, if anything. Say [`Outbox::sent`] after it, or the same comes again.
    pub fn poll_send(&self) -> Option<Span> {
        let run = self.runs.front()?;
        let end = run.last.min(run.first.saturating_add(self.window - 1));
        if self.next > end {
            return None;
        }
        let full = self.next.saturating_add(self.limits.batch - 1);
        let to = end.min(full);
        if self.messages >= self.limits.messages && to < full && run.last == end {
            return None;
        }
        Some(Span { boot: run.boot, from: self.next, to, oldest_kept: run.first })
    }

    /// Everything of `span` up to `to` was handed to the bus, which may lose it.
    pub fn sent(&mut self, now: Duration, span: &Span, to: u64) {
        let Some(run) = self.runs.front() else { return };
        // A confirmation may have overtaken the sending.
        if run.boot == span.boot && self.next == span.from {
            self.next = to + 1;
            self.messages = self.messages.saturating_add(1);
        }
        if self.next > run.first {
            self.resend_at.get_or_insert(now + self.pause);
        }
    }

    /// The far side has stored everything of `boot` up to `seq`. True when that was news: the spool may forget it.
    pub fn confirm(&mut self, now: Duration, boot: u64, seq: u64) -> bool {
        let before = self.runs.front().copied();
        let mut progress = false;
        self.runs.retain_mut(|run| {
            if run.boot == boot && seq >= run.first {
                progress = true;
                run.first = seq.saturating_add(1);
            }
            run.first <= run.last
        });
        if progress {
            self.turned_at = now;
            self.pause = self.limits.resend_after;
            self.window = self.limits.window;
            self.messages = 0;
            self.settle_front(now, before);
        } else if self.in_flight() && now.saturating_sub(self.turned_at) >= SETTLE {
            // It answers, but not with what we sent: something on the way was lost.
            self.start_over(now);
        }
        progress
    }

    /// The event cannot be read from the disk any more. What comes after it waits until everything before it is
    /// confirmed, and then tells the far side not to wait.
    pub fn lost(&mut self, boot: u64, seq: u64) {
        let Some(run) = self.runs.front_mut().filter(|r| r.boot == boot && (r.first..=r.last).contains(&seq))
        else {
            return;
        };
        let after = Run { first: seq + 1, ..*run };
        run.last = seq - 1;
        if run.first > run.last {
            self.runs.pop_front();
            self.next = seq + 1;
        }
        if after.first <= after.last {
            self.runs.insert(usize::from(self.next <= seq), after);
        }
        if self.runs.front().is_none_or(|r| !(r.first..=r.last + 1).contains(&self.next)) {
            self.next = self.runs.front().map_or(0, |r| r.first);
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        if self.resend_at.is_some_and(|at| at <= now) {
            self.pause = (self.pause * 2).min(self.limits.resend_after_max);
            self.start_over(now);
        }
    }

    /// When to call [`Outbox::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.resend_at
    }

    /// Whether anything of that boot is kept and not confirmed.
    pub fn knows(&self, boot: u64) -> bool {
        self.runs.iter().any(|run| run.boot == boot)
    }

    /// Whether a whole message or more cannot be sent before something is confirmed: the far side takes events more slowly than they
    /// come.
    pub fn is_held_up(&self) -> bool {
        let sent = self.runs.front().map_or(0, |run| self.next.saturating_sub(run.first));
        self.poll_send().is_none() && self.waiting().saturating_sub(sent) >= self.limits.batch
    }

    /// Events kept and not confirmed.
    pub fn waiting(&self) -> u64 {
        self.runs.iter().map(|r| r.last - r.first + 1).sum()
    }

    fn in_flight(&self) -> bool {
        self.runs.front().is_some_and(|r| self.next > r.first)
    }

    fn start_over(&mut self, now: Duration) {
        self.next = self.runs.front().map_or(0, |r| r.first);
        self.window = self.limits.batch.min(self.limits.window);
        self.messages = 0;
        self.turned_at = now;
        // Set again by the first message that is sent.
        self.resend_at = None;
    }

    /// After a confirmation: the first run may have moved on or be another one.
    fn settle_front(&mut self, now: Duration, before: Option<Run>) {
        let Some(run) = self.runs.front() else {
            self.resend_at = None;
            return;
        };
        let same =
            before.is_some_and(|b| b.boot == run.boot && b.last <= run.last && run.first <= b.last + 1);
        self.next = if same { self.next.max(run.first) } else { run.first };
        self.resend_at = self.in_flight().then(|| now + self.pause);
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
