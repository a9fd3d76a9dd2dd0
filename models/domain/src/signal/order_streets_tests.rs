//! Orders of every kind at random moments of random junctions, whose links are lost and whose reports are garbled: what is granted is
//! judged by what the lamps show in truth.

use std::collections::BTreeMap;

use super::group_set::GroupSet;
use super::order::{Book, ORDERS_MAX, ORDERS_WINDOW, Order, STOPS_MAX, Seen, Wanted};
use super::plan::{GroupKind, Layout};
use super::safety::{Known, Refusal, check_moment, check_order};
use super::safety_tests::{random, random_layout};
use crate::units::{DurationMs, UtcMillis};

const JUNCTIONS: u64 = 100;
const LOOKS: u32 = 300;
const WISHES: u32 = 8;

/// From 0 to less than `below`.
fn dice(chance: &mut u64, below: u64) -> i64 {
    (random(chance) % below).cast_signed()
}

/// One lamp in truth, by its character of S0001.
#[derive(Clone, Copy)]
struct Lamp {
    is: char,
    since: UtcMillis,
    green_ended: Option<UtcMillis>,
}

/// What a controller shows, whether anybody is told or not.
struct Street {
    layout: Layout,
    /// What is shown in turn, and for how long.
    cycle: Vec<(String, DurationMs)>,
    turn: usize,
    next: UtcMillis,
    lamps: Vec<Lamp>,
}

impl Street {
    fn new(chance: &mut u64) -> Self {
        let layout = random_layout(chance);
        let cycle = cycle(&layout, chance);
        let (first, lasts) = &cycle[0];
        let since = UtcMillis(0);
        let lamps = first.chars().map(|is| Lamp { is, since, green_ended: None }).collect();
        let next = since + *lasts;
        Self { layout, cycle, turn: 0, next, lamps }
    }

    /// Goes on until `at`, and tells of each change; those that nobody is told of are the caller's.
    fn go(&mut self, at: UtcMillis, mut tell: impl FnMut(UtcMillis, &str)) {
        while self.next <= at {
            self.turn = (self.turn + 1) % self.cycle.len();
            let (states, lasts) = &self.cycle[self.turn];
            for (lamp, is) in self.lamps.iter_mut().zip(states.chars()) {
                if lamp.is == '1' && is != '1' {
                    lamp.green_ended = Some(self.next);
                }
                if lamp.is != is {
                    (lamp.is, lamp.since) = (is, self.next);
                }
            }
            tell(self.next, states);
            self.next = self.next + *lasts;
        }
    }

    fn states(&self) -> &str {
        &self.cycle[self.turn].0
    }

    fn conflict(&self, one: u8, other: u8) -> bool {
        self.layout.intergreen(one, other).is_some()
    }
}

/// Stages that serve every group in turn, with what lies between: whether a walk flashes and whether red and yellow come before green is
/// this junction's own.
fn cycle(layout: &Layout, chance: &mut u64) -> Vec<(String, DurationMs)> {
    let groups = u8::try_from(layout.groups.len()).unwrap();
    let (mut stages, mut served) = (Vec::new(), GroupSet::EMPTY);
    while let Some(first) = (0..groups).find(|group| !served.contains(*group)) {
        let mut stage: GroupSet = [first].into_iter().collect();
        for group in 0..groups {
            let with = stage.or(&[group].into_iter().collect());
            if layout.conflict_in(&with).is_none() && dice(chance, 3) > 0 {
                stage = with;
            }
        }
        served = served.or(&stage);
        stages.push(stage);
    }
    let (flashes, red_yellow) = (dice(chance, 2) > 0, dice(chance, 2) > 0);
    let mut cycle = Vec::new();
    for (nth, now) in stages.iter().enumerate() {
        let next = &stages[(nth + 1) % stages.len()];
        let mut show = |least: i64, most: u64, of: &dyn Fn(u8) -> char| {
            cycle.push(((0..groups).map(of).collect::<String>(), DurationMs(least + dice(chance, most))));
        };
        let stays = |group: u8| now.contains(group) && next.contains(group);
        let on_foot = |group: u8| layout.groups[usize::from(group)].kind == GroupKind::Pedestrian;
        show(1_000, 19_000, &|group| if now.contains(group) { '1' } else { 'B' });
        show(1_000, 3_000, &|group| match (now.contains(group), stays(group)) {
            (true, true) => '1',
            (true, false) if !on_foot(group) => 'N',
            (true, false) if flashes => '9',
            _ => 'B',
        });
        show(100, 2_000, &|group| if stays(group) { '1' } else { 'B' });
        if red_yellow {
            let comes = |group: u8| next.contains(group) && !now.contains(group) && !on_foot(group);
            show(1_000, 1_000, &|group| match (stays(group), comes(group)) {
                (true, _) => '1',
                (false, true) => '0',
                (false, false) => 'B',
            });
        }
    }
    cycle
}

/// The link to a controller, and what is known by it.
struct Link {
    seen: Seen,
    /// It is down until then.
    down: Option<UtcMillis>,
    /// Somebody reported what is not so.
    garbled: bool,
}

impl Link {
    /// Until `at`, with what becomes of the link there.
    fn go(&mut self, street: &mut Street, at: UtcMillis, chance: &mut u64) {
        let (up, seen) = (self.down.is_none(), &mut self.seen);
        street.go(at, |when, states| {
            if up {
                seen.report(when, states);
            }
        });
        if self.down.is_some_and(|until| at >= until) {
            (self.down, self.garbled) = (None, true);
        }
        if self.down.is_some() {
            return;
        }
        if self.garbled {
            self.seen.report(at, street.states());
            self.garbled = false;
        }
        match dice(chance, 40) {
            0 => {
                self.seen.lose();
                self.down = Some(at + DurationMs(dice(chance, 20_000)));
            }
            // One group more than there is.
            1 => self.garble(at, &format!("{}B", street.states())),
            2 => {
                let unknown = usize::try_from(dice(chance, street.lamps.len() as u64)).unwrap();
                let states = street.states().chars().enumerate();
                let states: String = states.map(|(i, is)| if i == unknown { 'e' } else { is }).collect();
                self.garble(at, &states);
            }
            _ => {}
        }
    }

    fn garble(&mut self, at: UtcMillis, states: &str) {
        self.seen.report(at, states);
        self.garbled = true;
    }
}

/// Mostly what can be; now and then anything.
fn wish(street: &Street, book: &Book, at: UtcMillis, chance: &mut u64) -> Order {
    let wanted = match dice(chance, 8) {
        0 => Wanted::Flash,
        1 => Wanted::Dark,
        2 => Wanted::AllRed,
        3 => Wanted::Plan(u8::try_from(1 + dice(chance, 3)).unwrap()),
        4 => Wanted::OwnPlan,
        _ => {
            let groups = u64::try_from(street.lamps.len()).unwrap();
            let mut greens = GroupSet::EMPTY;
            for _ in 0..1 + dice(chance, 3) {
                let one = u8::try_from(dice(chance, groups)).unwrap();
                if dice(chance, 8) == 0 || !greens.iter().any(|other| street.conflict(one, other)) {
                    greens.insert(one);
                }
            }
            match dice(chance, 40) {
                0 => greens = GroupSet::EMPTY,
                1 => greens.insert(u8::try_from(groups).unwrap()),
                _ => {}
            }
            Wanted::Groups(greens)
        }
    };
    let age = if dice(chance, 4) == 0 { dice(chance, 8_000) - 1_500 } else { 0 };
    let made_at = at - DurationMs(age);
    let holds = [1_000, 1_000, 20_000, 20_000, 60_000, 299_000, 301_000, 7_201_000];
    let holds = holds[usize::try_from(dice(chance, 8)).unwrap()];
    let number = book.last_number + u64::from(dice(chance, 20) > 0);
    Order { number, wanted, made_at, expires_at: made_at + DurationMs(holds), patience: DurationMs(0) }
}

/// Said anew, without the code under test, of an order that was granted.
fn assert_safe(street: &Street, at: UtcMillis, order: &Order) {
    let age = at.since(order.made_at).0;
    assert!((-1_000..=5_000).contains(&age) && at < order.expires_at, "{order:?} at {at:?}");
    let groups = u8::try_from(street.lamps.len()).unwrap();
    let holds = order.expires_at.since(order.made_at).0;
    let (loses, waits): (Vec<u8>, bool) = match &order.wanted {
        Wanted::OwnPlan => return,
        Wanted::Plan(plan) => {
            assert!([1, 2].contains(plan) && holds <= 12 * 3_600_000);
            return;
        }
        Wanted::Flash | Wanted::Dark => {
            assert!(holds <= 7_200_000, "{order:?}");
            ((0..groups).collect(), false)
        }
        Wanted::AllRed => ((0..groups).collect(), true),
        Wanted::Groups(greens) => {
            assert!(!greens.is_empty() && greens.iter().all(|group| group < groups), "{order:?}");
            let against = |group: &u8| greens.iter().any(|green| street.conflict(*group, green));
            assert!(!greens.iter().any(|green| against(&green)), "{order:?}");
            ((0..groups).filter(against).collect(), true)
        }
    };
    assert!(!waits || holds <= 300_000, "{order:?}");
    for group in loses {
        let (lamp, times) = (street.lamps[usize::from(group)], street.layout.groups[usize::from(group)]);
        let told = || format!("{order:?} at {at:?}: group {group} shows {} since {:?}", lamp.is, lamp.since);
        assert!(lamp.is != '1' || at.since(lamp.since) >= times.green_min, "{}", told());
        assert!(!"N09".contains(lamp.is), "{}", told());
        if let Some(ended) =
            lamp.green_ended.filter(|_| lamp.is == 'B' && times.kind == GroupKind::Pedestrian)
        {
            assert!(at.since(ended) >= times.clearance, "somebody walks: {}", told());
        }
        let red_since = if lamp.is == 'B' { lamp.since } else { at };
        assert!(!waits || order.expires_at.since(red_since) <= times.red_max, "too long: {}", told());
    }
}

/// Orders that were taken, and whether each stops service.
#[derive(Default)]
struct Taken(Vec<(UtcMillis, bool)>);

impl Taken {
    /// Whether one more would be too many within a minute.
    fn is_full(&self, at: UtcMillis, wanted: &Wanted) -> bool {
        let stops = matches!(wanted, Wanted::Flash | Wanted::Dark | Wanted::AllRed);
        let counts = |(then, stop): &&(UtcMillis, bool)| at.since(*then) < ORDERS_WINDOW && (*stop || !stops);
        let max = if stops { STOPS_MAX } else { ORDERS_MAX };
        *wanted != Wanted::OwnPlan && self.0.iter().filter(counts).count() >= max
    }
}

#[derive(Default)]
struct Tally {
    cases: u64,
    unseen: u64,
    granted: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn play(&mut self, seed: u64) {
        let mut chance = 1_000 + seed;
        let mut street = Street::new(&mut chance);
        let mut link = Link { seen: Seen::default(), down: None, garbled: true };
        let (mut book, mut taken, mut at) = (Book::default(), Taken::default(), UtcMillis(0));
        for _ in 0..LOOKS {
            link.go(&mut street, at, &mut chance);
            for _ in 0..WISHES {
                let order = wish(&street, &book, at, &mut chance);
                self.unseen += u64::from(link.down.is_some());
                if self.judge((&street, &link), (&book, &taken), at, &order) && dice(&mut chance, 25) == 0 {
                    book.take(at, order.number, &order.wanted, &link.seen.greens());
                    taken.0.push((at, order.wanted.stops_service()));
                }
            }
            at = at + DurationMs(100 + dice(&mut chance, 1_900));
        }
    }

    /// Whether it was granted.
    fn judge(
        &mut self,
        (street, link): (&Street, &Link),
        (book, taken): (&Book, &Taken),
        at: UtcMillis,
        order: &Order,
    ) -> bool {
        let known = Known { layout: &street.layout, plans: &[1, 2], seen: &link.seen, book };
        let refusals = check_order(known, at, order);
        self.cases += 1;
        let many = refusals.iter().any(|one| matches!(one, Refusal::TooManyChanges { .. }));
        assert_eq!(many, taken.is_full(at, &order.wanted), "{order:?} at {at:?} after {:?}", taken.0);
        for refusal in &refusals {
            *self.refused.entry(refusal.name()).or_default() += 1;
        }
        if !refusals.is_empty() {
            return false;
        }
        *self.granted.entry(order.wanted.name()).or_default() += 1;
        assert!(link.down.is_none() || order.wanted == Wanted::OwnPlan, "{order:?}");
        assert!(order.number > book.last_number, "{order:?}");
        assert!(check_moment(&street.layout, &link.seen, at, order).is_empty(), "{order:?}");
        assert_safe(street, at, order);
        true
    }
}

#[test]
fn nothing_unsafe_is_granted_in_any_junction() {
    let mut tally = Tally::default();
    (0..JUNCTIONS).for_each(|seed| tally.play(seed));
    let Tally { cases, unseen, granted, refused } = tally;
    println!("{cases} orders judged in {JUNCTIONS} junctions, {unseen} of them with a lost link");
    println!("granted: {granted:?}");
    println!("refused, each reason: {refused:?}");
    assert_eq!(cases, JUNCTIONS * u64::from(LOOKS) * u64::from(WISHES));
    assert!(unseen > 5_000, "{unseen}");
    let kinds = [("own_plan", 10_000), ("plan", 1_000), ("groups", 500), ("flash", 500), ("dark", 500)];
    for (kind, least) in kinds.into_iter().chain([("all_red", 100)]) {
        assert!(granted.get(kind).is_some_and(|n| *n >= least), "{kind}: {granted:?}");
    }
    // Each reason stood before some.
    let lamps = ["not_seen", "minimum_green", "changing", "pedestrian_clearance", "maximum_red"];
    let wishes = ["no_such_group", "conflict", "no_group", "no_such_plan", "too_long"];
    let moments = ["too_many_changes", "too_old", "from_the_future", "doubled"];
    for reason in lamps.iter().chain(&wishes).chain(&moments) {
        assert!(refused.get(reason).is_some_and(|n| *n >= 20), "{reason}: {refused:?}");
    }
}
