//! Which positions the directorate is sent, and when: Circular 09/2015/TT-BGTVT wants one at most every 30 s of a moving bus
//! and every 15 minutes of a standing one, within two minutes.

use std::collections::{HashMap, VecDeque};

use hardware_ports::sink::NotKept;
use models_domain::transit::Fix;
use models_domain::{DurationMs, UtcMillis, VehicleId};

use super::told::Told;
use super::upward::Places;

/// Later than that, the rule is broken.
pub const WITHIN: DurationMs = DurationMs(120_000);
/// Who waited for longer stands behind what has just come: live positions are not late because old ones are many.
const LIVE: DurationMs = DurationMs(60_000);
/// A position on its way, by the number under which it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub number: u64,
    pub fix: Fix,
}

/// Positions on their way. Holds at most `room`; the oldest gives way and is counted. None is too old: how old one is says a clock,
/// and clocks are set.
#[derive(Debug)]
pub struct Pace {
    room: usize,
    waiting: VecDeque<Waiting>,
    /// Those of `waiting` that have waited for longer than [`LIVE`], before them in time.
    behind: VecDeque<Waiting>,
    told_by_vehicle: HashMap<VehicleId, Told>,
    places: Places,
    /// Given up because there was no room.
    pub lost: u64,
}

impl Pace {
    pub fn new(room: usize) -> Self {
        let (waiting, behind, told_by_vehicle) = (VecDeque::new(), VecDeque::new(), HashMap::new());
        Self { room, waiting, behind, told_by_vehicle, places: Places::default(), lost: 0 }
    }

    /// Goes on with what an earlier start left on its way, in the order in which it was taken.
    pub fn resume(&mut self, left: impl IntoIterator<Item = Waiting>) {
        for waiting in left {
            // It was due then; from here on it has been told.
            self.is_due(&waiting.fix);
            // A call may have the place of an earlier report.
            if !waiting.fix.told.sos {
                self.places.seen(&waiting.fix);
            }
            self.waiting.push_back(waiting);
        }
    }

    /// Takes in what is due of what buses reported, if `keep` keeps it; that is given all of it at once, and gives the number of the
    /// first. A bus that starts or stops, or whose driver calls for help or does so no more, is due at once; a position that its
    /// tracker had stored is due where nothing was told. What cannot be right is not, but for calls for help, which have the place last known then.
    ///
    /// # Errors
    /// Those of `keep`: nothing is taken in then, and what is reported again is judged anew.
    pub fn take(
        &mut self,
        fixes: &[Fix],
        keep: impl FnOnce(&[Fix]) -> Result<u64, NotKept>,
    ) -> Result<(), NotKept> {
        let mut before: HashMap<&VehicleId, Option<Told>> = HashMap::new();
        for fix in fixes {
            before.entry(&fix.vehicle).or_insert_with(|| self.told_by_vehicle.get(&fix.vehicle).cloned());
        }
        let mut due: Vec<Fix> = Vec::new();
        for fix in fixes {
            // Where a bus is believed to be stays so, whether or not that could be kept.
            if let Some(fix) = self.places.tell(fix).filter(|fix| self.is_due(fix)) {
                due.push(fix.into_owned());
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        match keep(&due) {
            Ok(first) => {
                self.waiting.extend((first..).zip(due).map(|(number, fix)| Waiting { number, fix }));
                Ok(())
            }
            Err(err) => {
                for (vehicle, told) in before {
                    match told {
                        Some(told) => drop(self.told_by_vehicle.insert(vehicle.clone(), told)),
                        None => drop(self.told_by_vehicle.remove(vehicle)),
                    }
                }
                Err(err)
            }
        }
    }

    /// Whether a position is to be told, and takes note of it.
    fn is_due(&mut self, fix: &Fix) -> bool {
        match self.told_by_vehicle.get_mut(&fix.vehicle) {
            Some(told) => told.is_due(fix),
            None => {
                self.told_by_vehicle.insert(fix.vehicle.clone(), Told::first(fix));
                true
            }
        }
    }

    /// Gives up what there is no room for; their numbers.
    pub fn give_up(&mut self) -> Vec<u64> {
        self.give_up_oldest(self.len().saturating_sub(self.room))
    }

    /// Gives up so many, the oldest first; their numbers.
    pub fn give_up_oldest(&mut self, count: usize) -> Vec<u64> {
        let count = count.min(self.len());
        self.lost += count as u64;
        let one = |pace: &mut Self| pace.behind.pop_front().or_else(|| pace.waiting.pop_front());
        (0..count).filter_map(|_| one(self)).map(|waiting| waiting.number).collect()
    }

    /// The next positions, at most `count`: those that have just come, then what waits for longer, each oldest first. They stay
    /// until [`Pace::done`].
    pub fn next(&mut self, count: usize, now: UtcMillis) -> Vec<Waiting> {
        while let Some(old) = self.waiting.pop_front_if(|w| now.since(w.fix.received).0 > LIVE.0) {
            self.behind.push_back(old);
        }
        self.waiting.iter().chain(&self.behind).take(count).cloned().collect()
    }

    /// These have arrived.
    pub fn done(&mut self, sent: &[Waiting]) {
        for sent in sent {
            // Some may have given way in between, or stand behind others by now.
            for queue in [&mut self.waiting, &mut self.behind] {
                if let Ok(place) = queue.binary_search_by_key(&sent.number, |w| w.number) {
                    queue.remove(place);
                }
            }
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + self.behind.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use models_domain::MetersPerSecond;
    use models_domain::geo::LatLon;

    use super::*;

    fn fix(vehicle: &str, seconds: i64, meters_per_second: f64) -> Fix {
        Fix {
            vehicle: VehicleId::new(vehicle).unwrap(),
            at: UtcMillis(seconds * 1000),
            received: UtcMillis(seconds * 1000),
            position: LatLon::new(21.028, 105.852),
            speed: MetersPerSecond(meters_per_second),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
            told: models_domain::transit::Told::default(),
        }
    }

    fn times(pace: &mut Pace) -> Vec<i64> {
        seconds(&pace.next(99, UtcMillis(0)))
    }

    fn seconds(waiting: &[Waiting]) -> Vec<i64> {
        waiting.iter().map(|waiting| waiting.fix.at.0 / 1000).collect()
    }

    impl Pace {
        /// Kept under a number that grows.
        fn offer(&mut self, fix: &Fix) {
            let number = if self.is_empty() { 0 } else { self.newest() + 1 };
            self.take(std::slice::from_ref(fix), |_| Ok(number)).unwrap();
        }

        fn newest(&self) -> u64 {
            self.waiting.iter().chain(&self.behind).map(|w| w.number).max().unwrap_or(0)
        }
    }

    #[test]
    fn a_moving_bus_every_30_seconds_a_standing_one_every_15_minutes() {
        let mut pace = Pace::new(100);
        for second in (0..120).step_by(5) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&mut pace), [0, 30, 60, 90]);
        let mut pace = Pace::new(100);
        for second in (0..2000).step_by(5) {
            pace.offer(&fix("a", second, 0.2));
        }
        assert_eq!(times(&mut pace), [0, 900, 1800]);
    }

    #[test]
    fn a_start_and_a_stop_are_told_at_once_and_the_old_and_the_invalid_are_not() {
        let mut pace = Pace::new(100);
        for (second, speed) in [(0, 0.0), (5, 10.0), (10, 10.0), (15, 0.0), (1, 10.0)] {
            pace.offer(&fix("a", second, speed));
        }
        pace.offer(&Fix { valid: false, ..fix("b", 0, 0.0) });
        assert_eq!(times(&mut pace), [0, 5, 15]);
    }

    #[test]
    fn what_has_arrived_leaves_and_what_finds_no_room_is_counted() {
        let mut pace = Pace::new(2);
        for vehicle in ["a", "b", "c"] {
            pace.offer(&fix(vehicle, 0, 0.0));
        }
        assert_eq!(pace.give_up(), [0]);
        assert_eq!((pace.len(), pace.lost), (2, 1));
        let next = pace.next(1, UtcMillis(0));
        assert_eq!(next[0].fix.vehicle.as_str(), "b");
        pace.done(&next);
        assert_eq!(pace.next(9, UtcMillis(0))[0].fix.vehicle.as_str(), "c");
    }

    #[test]
    fn what_a_tracker_had_stored_is_told_where_nothing_was_told_before() {
        let (stored, want) = ((0..33).map(|n| n * 10), (2..10).map(|n| n * 30));
        told_of_a_gap(stored.clone().collect(), want.clone().collect());
        told_of_a_gap(stored.rev().collect(), want.rev().collect());
    }

    fn told_of_a_gap(stored: Vec<i64>, want: Vec<i64>) {
        let mut pace = Pace::new(100);
        for second in [0, 30, 300, 330] {
            pace.offer(&fix("a", second, 10.0));
        }
        // Of four and a half minutes without a link, every ten seconds; what was told already comes again.
        stored.iter().for_each(|second| pace.offer(&fix("a", *second, 10.0)));
        assert_eq!(times(&mut pace), [vec![0, 30, 300, 330], want].concat());
        // A second time nothing of it is news.
        stored.iter().for_each(|second| pace.offer(&fix("a", *second, 10.0)));
        assert_eq!(pace.len(), 12);
    }

    #[test]
    fn what_has_just_come_does_not_wait_behind_what_is_old() {
        let mut pace = Pace::new(4);
        for second in [0, 30, 200] {
            pace.offer(&fix("a", second, 10.0));
        }
        let next = pace.next(2, UtcMillis(210_000));
        assert_eq!(seconds(&next), [200, 0]);
        pace.done(&next);
        assert_eq!(times(&mut pace), [30]);
        // Without room the oldest goes.
        for second in [230, 260, 290, 320] {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(pace.give_up().len(), 1);
        assert_eq!((times(&mut pace), pace.lost), (vec![230, 260, 290, 320], 1));
    }

    #[test]
    fn a_call_for_help_is_told_at_once_and_so_is_its_end() {
        let mut pace = Pace::new(100);
        for (second, sos) in [(0, false), (5, true), (10, true), (15, false), (20, false)] {
            let mut fix = fix("a", second, 0.0);
            fix.told.sos = sos;
            pace.offer(&fix);
        }
        assert_eq!(times(&mut pace), [0, 5, 15]);
    }

    #[test]
    fn a_call_without_satellites_is_told_once_where_the_bus_was_seen_last() {
        let mut pace = Pace::new(100);
        pace.offer(&fix("a", 0, 10.0));
        for second in [5, 10, 15] {
            let mut call = Fix { valid: false, position: LatLon::new(0.0, 0.0), ..fix("a", second, 10.0) };
            call.told.sos = true;
            pace.offer(&call);
        }
        let next = pace.next(9, UtcMillis(0));
        let told: Vec<_> = next.iter().map(|w| (w.fix.told.sos, w.fix.position)).collect();
        let seen = LatLon::new(21.028, 105.852);
        assert_eq!((seconds(&next), told), (vec![0, 5], vec![(false, seen), (true, seen)]));
        // It is out of the basement, and nobody calls any more.
        pace.offer(&fix("a", 20, 10.0));
        assert_eq!(times(&mut pace), [0, 5, 20]);
    }

    #[test]
    fn a_call_that_a_tracker_had_stored_is_told_once_wherever_it_lies() {
        let mut pace = Pace::new(100);
        for second in [0, 900] {
            pace.offer(&fix("a", second, 0.0));
        }
        // It stood for less than a quarter of an hour without a link: nothing else of that time is due.
        let call = |second| {
            let mut fix = fix("a", second, 0.0);
            fix.told.sos = true;
            fix
        };
        for second in [310, 305, 300, 310] {
            pace.offer(&call(second));
            pace.offer(&fix("a", second + 2, 0.0));
        }
        assert_eq!(times(&mut pace), [0, 900, 310]);
    }

    #[test]
    fn what_cannot_be_right_is_not_told_and_silences_none_that_follow() {
        let mut pace = Pace::new(100);
        pace.offer(&Fix { at: UtcMillis(86_400_000), ..fix("a", 0, 10.0) });
        pace.offer(&Fix { position: LatLon::new(0.0, 0.0), ..fix("a", 329, 10.0) });
        for second in (330..400).step_by(10) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&mut pace), [330, 360, 390]);
    }

    #[test]
    fn who_stood_and_drove_unheard_has_that_way_told_too() {
        let mut pace = Pace::new(100);
        for (second, speed) in [(0, 0.0), (600, 10.0), (300, 10.0), (310, 10.0), (330, 10.0)] {
            pace.offer(&fix("a", second, speed));
        }
        assert_eq!(times(&mut pace), [0, 600, 300, 330]);
    }

    #[test]
    fn what_a_tracker_had_stored_before_it_was_first_heard_here_is_told() {
        let mut pace = Pace::new(100);
        pace.offer(&fix("a", 1_000, 10.0));
        for second in (900..1_000).step_by(10) {
            pace.offer(&fix("a", second, 10.0));
        }
        let too_old = 1_000 - 3 * 24 * 3_600 - 1;
        pace.offer(&fix("a", too_old, 10.0));
        assert_eq!(times(&mut pace), [1_000, 900, 930, 960]);
    }

    #[test]
    fn what_could_not_be_kept_is_judged_anew() {
        let mut pace = Pace::new(100);
        pace.offer(&fix("a", 0, 10.0));
        let reported = [fix("a", 30, 10.0), fix("a", 60, 10.0), fix("b", 60, 10.0)];
        let full = || NotKept("the disk is full".to_owned());
        assert_eq!(pace.take(&reported, |_| Err(full())), Err(full()));
        assert_eq!(times(&mut pace), [0]);
        pace.take(&reported, |due| Ok(due.len() as u64)).unwrap();
        assert_eq!(times(&mut pace), [0, 30, 60, 60]);
        let numbers: Vec<u64> = pace.next(9, UtcMillis(0)).iter().map(|w| w.number).collect();
        assert_eq!(numbers, [0, 3, 4, 5]);
    }

    #[test]
    fn what_an_earlier_start_left_goes_on_and_is_not_told_twice() {
        let mut before = Pace::new(100);
        for second in [0, 30, 60] {
            before.offer(&fix("a", second, 10.0));
        }
        let mut pace = Pace::new(100);
        pace.resume(before.next(9, UtcMillis(0)));
        // Not acknowledged when it was killed: they come again, and with them what the tracker stored meanwhile.
        for second in (30..130).step_by(10) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&mut pace), [0, 30, 60, 90, 120]);
    }
}
