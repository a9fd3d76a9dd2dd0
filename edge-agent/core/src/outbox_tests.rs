//! The outbox against a link that loses, doubles and reorders, a hall that is killed, and a pole that is killed.

use std::collections::BTreeMap;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn small() -> Limits {
    Limits { batch: 3, window: 6, ..Limits::default() }
}

/// Sends everything that may be sent now; the spans as "boot:from-to/oldest".
fn drain(outbox: &mut Outbox, now: Duration) -> String {
    let mut sent = Vec::new();
    while let Some(span) = outbox.poll_send() {
        sent.push(format!("{}:{}-{}/{}", span.boot, span.from, span.to, span.oldest_kept));
        outbox.sent(now, &span, span.to);
    }
    sent.join(" ")
}

fn filled(events: u64) -> Outbox {
    let mut outbox = Outbox::new(small(), Vec::new());
    (1..=events).for_each(|seq| outbox.push(7, seq));
    outbox
}

#[test]
fn batches_within_the_window() {
    let mut outbox = filled(8);
    assert_eq!(drain(&mut outbox, SECOND), "7:1-3/1 7:4-6/1");
    assert!(outbox.confirm(SECOND, 7, 4));
    assert_eq!(drain(&mut outbox, SECOND), "7:7-8/5");
    assert_eq!(outbox.waiting(), 4);
    assert!(outbox.confirm(SECOND, 7, 8));
    assert_eq!((outbox.waiting(), outbox.poll_timeout()), (0, None));
    outbox.push(7, 9);
    assert_eq!(drain(&mut outbox, SECOND), "7:9-9/9");
}

#[test]
fn it_is_held_up_while_a_message_has_to_wait_for_a_confirmation() {
    let mut outbox = filled(8);
    assert!(!outbox.is_held_up(), "all of it may be sent");
    drain(&mut outbox, SECOND);
    assert!(!outbox.is_held_up(), "two are no message");
    outbox.push(7, 9);
    assert!(outbox.is_held_up());
    outbox.confirm(SECOND, 7, 1);
    assert!(!outbox.is_held_up(), "one may be sent");
    drain(&mut outbox, SECOND);
    assert!(!outbox.is_held_up(), "two are no message");
    outbox.push(7, 10);
    // Nobody confirms any more: one message is tried again and again, and the others wait.
    outbox.handle_timeout(20 * SECOND);
    assert_eq!(drain(&mut outbox, 20 * SECOND), "7:2-4/2");
    assert!(outbox.is_held_up());
}

#[test]
fn single_events_wait_for_each_other_while_messages_are_on_their_way() {
    let mut outbox = Outbox::new(Limits { messages: 2, window: 10, ..small() }, Vec::new());
    let mut sent = Vec::new();
    for seq in 1..=5 {
        outbox.push(7, seq);
        sent.push(drain(&mut outbox, SECOND));
    }
    // The third full message goes, whatever is on its way; single ones go again when something is confirmed.
    assert_eq!(sent, ["7:1-1/1", "7:2-2/1", "", "", "7:3-5/1"]);
    outbox.push(7, 6);
    assert_eq!(drain(&mut outbox, SECOND), "");
    outbox.confirm(SECOND, 7, 2);
    assert_eq!(drain(&mut outbox, SECOND), "7:6-6/3");
    // Nothing stays behind: what is not confirmed is sent again in time, with what waited.
    outbox.push(7, 7);
    outbox.confirm(SECOND, 7, 6);
    assert_eq!(drain(&mut outbox, SECOND), "7:7-7/7");
}

#[test]
fn a_message_cut_short_goes_on_where_it_ended() {
    let mut outbox = filled(3);
    let span = outbox.poll_send().unwrap();
    outbox.sent(SECOND, &span, 1);
    assert_eq!(drain(&mut outbox, SECOND), "7:2-3/1");
}

#[test]
fn a_day_offline() {
    let mut outbox = filled(8);
    drain(&mut outbox, Duration::ZERO);
    let mut resends = Vec::new();
    while let Some(at) = outbox.poll_timeout().filter(|at| *at < 86_400 * SECOND) {
        outbox.handle_timeout(at);
        // One batch is enough to learn that nobody is there.
        assert_eq!(drain(&mut outbox, at), "7:1-3/1");
        resends.push(at.as_secs());
    }
    assert_eq!(resends[..5], [5, 15, 25, 35, 45]);
    assert_eq!(resends.len(), 8_640);
    outbox.confirm(86_400 * SECOND, 7, 3);
    assert_eq!(drain(&mut outbox, 86_400 * SECOND), "7:4-6/4 7:7-8/4");
    assert_eq!(outbox.poll_timeout(), Some(86_405 * SECOND));
}

#[test]
fn earlier_boots_first_and_holes_told() {
    let leftover = vec![Run { boot: 5, first: 8, last: 9 }, Run { boot: 5, first: 11, last: 11 }];
    let mut outbox = Outbox::new(small(), leftover);
    outbox.push(7, 1);
    assert_eq!(drain(&mut outbox, SECOND), "5:8-9/8");
    outbox.confirm(SECOND, 5, 9);
    assert_eq!(drain(&mut outbox, SECOND), "5:11-11/11");
    outbox.confirm(SECOND, 5, 11);
    assert_eq!(drain(&mut outbox, SECOND), "7:1-1/1");
    assert!(!outbox.confirm(SECOND, 4, 99));
    assert!(outbox.confirm(SECOND, 7, u64::MAX));
    assert_eq!(outbox.waiting(), 0);
}

#[test]
fn a_far_side_that_misses_something_is_served_at_once() {
    let mut outbox = filled(6);
    drain(&mut outbox, SECOND);
    outbox.confirm(SECOND, 7, 2);
    outbox.confirm(SECOND, 7, 2);
    assert_eq!(drain(&mut outbox, SECOND), "");
    outbox.confirm(3 * SECOND, 7, 2);
    assert_eq!(drain(&mut outbox, 3 * SECOND), "7:3-5/3");
}

#[test]
fn what_the_disk_lost_is_passed_over() {
    let mut outbox = filled(5);
    let span = outbox.poll_send().unwrap();
    outbox.sent(SECOND, &span, 2);
    outbox.lost(7, 3);
    assert_eq!(drain(&mut outbox, SECOND), "");
    outbox.confirm(SECOND, 7, 2);
    assert_eq!(drain(&mut outbox, SECOND), "7:4-5/4");
    let mut outbox = filled(2);
    outbox.lost(7, 1);
    assert_eq!(drain(&mut outbox, SECOND), "7:2-2/2");
    outbox.lost(7, 2);
    assert_eq!((outbox.waiting(), drain(&mut outbox, SECOND).as_str()), (0, ""));
    outbox.push(7, 3);
    assert_eq!(drain(&mut outbox, SECOND), "7:3-3/3");
}

/// xorshift64*: the same luck at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}

/// Stores only the next seq of a boot, or the oldest that the pole still keeps.
#[derive(Default)]
struct Hall {
    stored_by_boot: BTreeMap<u64, u64>,
    events: Vec<(u64, u64)>,
}

impl Hall {
    fn hear(&mut self, span: &Span) -> (u64, u64) {
        let stored = self.stored_by_boot.entry(span.boot).or_insert(span.oldest_kept - 1);
        *stored = (*stored).max(span.oldest_kept - 1);
        for seq in span.from..=span.to {
            if seq == *stored + 1 {
                *stored = seq;
                self.events.push((span.boot, seq));
            }
        }
        (span.boot, *stored)
    }
}

struct Street {
    dice: Dice,
    now: Duration,
    outbox: Outbox,
    boot: u64,
    seq: u64,
    /// What the disk of the pole keeps.
    disk: Vec<(u64, u64)>,
    /// Everything that ever happened.
    truth: Vec<(u64, u64)>,
    hall: Hall,
    up: Vec<Span>,
    down: Vec<(u64, u64)>,
}

impl Street {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            now: Duration::ZERO,
            outbox: Outbox::new(small(), Vec::new()),
            boot: 1,
            seq: 0,
            disk: Vec::new(),
            truth: Vec::new(),
            hall: Hall::default(),
            up: Vec::new(),
            down: Vec::new(),
        }
    }

    fn step(&mut self, trouble: bool) {
        self.now += Duration::from_millis(100);
        if trouble {
            (0..self.dice.below(3)).for_each(|_| self.happen());
            match self.dice.below(200) {
                0 => self.kill_pole(),
                1 => self.up.clear(),
                2 => self.down.clear(),
                _ => {}
            }
        }
        self.outbox.handle_timeout(self.now);
        while let Some(span) = self.outbox.poll_send() {
            let to = span.from + self.dice.below(span.to - span.from + 1);
            self.outbox.sent(self.now, &span, to);
            let copies = if trouble { self.dice.below(3) } else { 1 };
            (0..copies).for_each(|_| self.up.push(Span { to, ..span }));
        }
        while !self.up.is_empty() && (!trouble || self.dice.below(3) > 0) {
            let pick = if trouble { self.dice.below(self.up.len() as u64) as usize } else { 0 };
            let span = self.up.remove(pick);
            let answer = self.hall.hear(&span);
            let copies = if trouble { self.dice.below(3) } else { 1 };
            (0..copies).for_each(|_| self.down.push(answer));
        }
        while !self.down.is_empty() && (!trouble || self.dice.below(3) > 0) {
            let pick = if trouble { self.dice.below(self.down.len() as u64) as usize } else { 0 };
            let (boot, seq) = self.down.remove(pick);
            if self.outbox.confirm(self.now, boot, seq) && self.dice.below(2) == 0 {
                self.disk.retain(|(b, s)| *b != boot || *s > seq);
            }
        }
    }

    fn happen(&mut self) {
        self.seq += 1;
        self.disk.push((self.boot, self.seq));
        self.truth.push((self.boot, self.seq));
        self.outbox.push(self.boot, self.seq);
    }

    /// Memory is gone, the disk is not; some of it is confirmed already, and nobody remembers.
    fn kill_pole(&mut self) {
        let mut runs: Vec<Run> = Vec::new();
        for &(boot, seq) in &self.disk {
            match runs.last_mut() {
                Some(run) if run.boot == boot && run.last + 1 == seq => run.last = seq,
                Some(_) | None => runs.push(Run { boot, first: seq, last: seq }),
            }
        }
        self.outbox = Outbox::new(small(), runs);
        self.boot += 1;
        self.seq = 0;
    }
}

#[test]
fn nothing_is_lost_and_nothing_doubled() {
    for seed in 1..=200 {
        let mut street = Street::new(seed);
        (0..1_500).for_each(|_| street.step(true));
        let mut quiet = 0;
        while street.outbox.waiting() > 0 {
            street.step(false);
            quiet += 1;
            assert!(quiet < 6_000, "seed {seed}: {} still wait", street.outbox.waiting());
        }
        assert_eq!(street.hall.events, street.truth, "seed {seed}");
        assert!(street.boot > 2, "seed {seed} killed nobody");
    }
}
