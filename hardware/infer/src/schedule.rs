//! Whose picture is looked at next, when there is not time for all: newest wins for each camera, shares by priority, nobody
//! waits for ever. Pure: it is told the time.

use std::collections::BTreeMap;
use std::time::Duration;

use hardware_ports::infer::{Priority, Served};
use models_domain::CameraId;

/// Pictures that wait, one a camera at most: that is its bound.
///
/// Start-time fair queueing (Goyal, Vin, Cheng 1996): each camera's picture gets a tag when it comes, no earlier than the tag
/// now being served and one step after the camera's last one; the lowest tag is next. A step is short for who matters more. A
/// tag that waits is overtaken by finitely many others, whatever they do.
#[derive(Debug)]
pub struct Schedule<T> {
    cameras: BTreeMap<CameraId, Camera<T>>,
    /// The highest tag that was served.
    now: u64,
}

#[derive(Debug)]
struct Camera<T> {
    waiting: Option<Waiting<T>>,
    /// The earliest tag of its next picture.
    next: u64,
    served: Served,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    tag: u64,
    priority: Priority,
    /// When the first of the pictures came whose place this one has.
    since: Duration,
}

/// How far apart the pictures of one camera are when nobody gets all: of 13 pictures of three equally busy cameras, counting
/// gets nine, incidents three, health one.
fn step(priority: Priority) -> u64 {
    match priority {
        Priority::Counting => 1,
        Priority::Incident => 3,
        Priority::Health => 9,
    }
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { cameras: BTreeMap::new(), now: 0 }
    }
}

impl<T> Schedule<T> {
    /// Takes a picture in; the older one of that camera that was still waiting comes back, and is counted as shed.
    pub fn submit(&mut self, camera: &CameraId, priority: Priority, item: T, at: Duration) -> Option<T> {
        let new = || Camera { waiting: None, next: 0, served: Served::default() };
        let one = self.cameras.entry(camera.clone()).or_insert_with(new);
        match one.waiting.take() {
            // The newer one keeps the older one's place in the queue.
            Some(old) => {
                one.served.shed += 1;
                one.waiting = Some(Waiting { item, priority, tag: old.tag, since: old.since });
                Some(old.item)
            }
            None => {
                let tag = one.next.max(self.now);
                one.waiting = Some(Waiting { item, tag, priority, since: at });
                None
            }
        }
    }

    /// The next pictures, at most `most` of them, first come first among equals.
    pub fn take(&mut self, most: usize) -> Vec<T> {
        let mut order: Vec<_> = self
            .cameras
            .iter()
            .filter_map(|(id, one)| one.waiting.as_ref().map(|w| (w.tag, w.since, id.clone())))
            .collect();
        order.sort();
        order.truncate(most);
        let mut taken = Vec::with_capacity(order.len());
        for (tag, _, id) in order {
            let Some(one) = self.cameras.get_mut(&id) else { continue };
            let Some(waiting) = one.waiting.take() else { continue };
            self.now = self.now.max(tag);
            one.next = tag + step(waiting.priority);
            one.served.seen += 1;
            taken.push(waiting.item);
        }
        taken
    }

    /// How many pictures wait, and since when the first of them does.
    pub fn waiting(&self) -> (usize, Option<Duration>) {
        let waiting = self.cameras.values().filter_map(|one| one.waiting.as_ref());
        (waiting.clone().count(), waiting.map(|w| w.since).min())
    }

    /// Takes everything out unserved, and counts it as shed.
    pub fn clear(&mut self) -> Vec<T> {
        let each = self.cameras.values_mut().filter_map(|one| {
            let waiting = one.waiting.take()?;
            one.served.shed += 1;
            Some(waiting.item)
        });
        each.collect()
    }

    /// What each camera got so far.
    pub fn served(&self) -> BTreeMap<CameraId, Served> {
        self.cameras.iter().map(|(id, one)| (id.clone(), one.served)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Counting, Health, Incident};

    fn id(text: &str) -> CameraId {
        text.parse().unwrap()
    }

    /// A camera's name and priority, and every how many milliseconds it has a picture.
    type Load<'a> = (&'a str, Priority, u64);

    /// Plays `seconds` of the loads to a detector that needs `cost_ms` a picture; pictures served by camera, and the longest
    /// time in milliseconds that a camera waited between two served pictures.
    fn play(loads: &[Load<'_>], cost_ms: u64, seconds: u64) -> BTreeMap<String, (u64, u64)> {
        let mut schedule = Schedule::default();
        let mut done = BTreeMap::<String, (u64, u64, u64)>::new();
        let mut busy_until = 0;
        for ms in 0..seconds * 1_000 {
            for (name, priority, every) in loads {
                if ms % every == 0 {
                    let at = Duration::from_millis(ms);
                    schedule.submit(&id(name), *priority, ((*name).to_owned(), ms), at);
                }
            }
            if ms >= busy_until
                && let Some((name, _)) = schedule.take(1).pop()
            {
                busy_until = ms + cost_ms;
                let (count, last, longest) = done.entry(name).or_default();
                *count += 1;
                *longest = (*longest).max(ms - *last);
                *last = ms;
            }
        }
        let served = schedule.served();
        for (name, (count, _, _)) in &done {
            assert_eq!(served[&id(name)].seen, *count);
        }
        done.into_iter().map(|(name, (count, _, longest))| (name, (count, longest))).collect()
    }

    #[test]
    fn below_the_limit_everybody_gets_everything() {
        let done = play(&[("a", Counting, 100), ("b", Incident, 200), ("c", Health, 1_000)], 20, 10);
        assert_eq!([done["a"].0, done["b"].0, done["c"].0], [100, 50, 10]);
    }

    #[test]
    fn under_overload_shares_go_by_priority_and_nobody_starves() {
        // 50 pictures a second are there to give, 300 are asked for.
        let loads = [("a", Counting, 10), ("b", Incident, 10), ("c", Health, 10)];
        let done = play(&loads, 20, 60);
        let all = 3_000.0;
        for (name, share) in [("a", 9.0 / 13.0), ("b", 3.0 / 13.0), ("c", 1.0 / 13.0)] {
            let got = done[name].0 as f64 / all;
            assert!((got - share).abs() < 0.02, "{name} got {got} of all, wanted {share}: {done:?}");
        }
        // 13 pictures of 20 ms are a round.
        assert!(done["c"].1 <= 2 * 13 * 20, "{done:?}");
    }

    #[test]
    fn many_busy_cameras_starve_no_quiet_one() {
        let names: Vec<String> = (0..40).map(|i| format!("busy{i}")).collect();
        let mut loads: Vec<Load<'_>> = names.iter().map(|n| (n.as_str(), Counting, 40)).collect();
        loads.push(("quiet", Health, 2_000));
        // 1,000 a second asked for, 50 to give: a round of all takes 41 pictures of 20 ms, and health comes every ninth.
        let done = play(&loads, 20, 120);
        assert!(done["quiet"].1 <= 10 * 41 * 20, "{:?}", done["quiet"]);
        assert!(done["quiet"].0 >= 120_000 / (10 * 41 * 20), "{:?}", done["quiet"]);
        let counts: Vec<u64> = names.iter().map(|n| done[n].0).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 2, "alike cameras get alike: {least} to {most}");
        assert!(names.iter().all(|n| done[n].1 <= 2 * 41 * 20), "{done:?}");
    }

    #[test]
    fn who_was_away_gets_no_arrears() {
        let mut schedule = Schedule::default();
        let at = Duration::ZERO;
        for i in 0..1_000 {
            schedule.submit(&id("a"), Counting, ("a", i), at);
            assert_eq!(schedule.take(1), [("a", i)]);
        }
        let mut order = String::new();
        for i in 0..6 {
            schedule.submit(&id("a"), Counting, ("a", i), at);
            schedule.submit(&id("b"), Counting, ("b", i), at);
            order.push_str(schedule.take(1)[0].0);
        }
        assert!(order.contains("ab") && !order.contains("bbb"), "{order}");
    }

    #[test]
    fn the_newest_picture_wins_and_keeps_the_place() {
        let mut schedule = Schedule::default();
        let at = Duration::from_millis;
        assert_eq!(schedule.submit(&id("a"), Health, 1, at(5)), None);
        assert_eq!(schedule.submit(&id("b"), Health, 2, at(6)), None);
        assert_eq!(schedule.submit(&id("a"), Health, 3, at(7)), Some(1));
        assert_eq!(schedule.waiting(), (2, Some(at(5))));
        assert_eq!(schedule.take(8), [3, 2]);
        assert_eq!(schedule.waiting(), (0, None));
        schedule.submit(&id("b"), Health, 4, at(9));
        assert_eq!(schedule.clear(), [4]);
        assert_eq!(schedule.served()[&id("a")], Served { seen: 1, shed: 1 });
        assert_eq!(schedule.served()[&id("b")], Served { seen: 1, shed: 1 });
    }
}
