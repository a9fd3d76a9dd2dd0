//! What stands in a street in which nothing moves, from the last few looks that the network had at it.
//!
//! Most pictures in which nothing moves are not shown to the network: what it saw before is still there. It does not see the
//! same in each of those that it is shown: a car far away comes and goes. Who was seen in at least half of the last looks is
//! there; who was seen once in several, be it in the very last one, is not.

use std::collections::VecDeque;

use crate::detection::{BBox, Detection};
use crate::track::size_of;

/// Looks that are remembered.
const LOOKS: usize = 6;
/// Boxes of two looks whose middles are so near, in sizes of the box, are one road user: farther than one walks in between,
/// nearer than two stand beside each other.
const SAME: f64 = 0.5;

/// Feed it every look.
#[derive(Debug, Default)]
pub struct Steady {
    /// The newest first.
    looks: VecDeque<Vec<Detection>>,
    /// Judged of these looks; `None`: not yet, and where every picture is shown to the network never.
    there: Option<Vec<Detection>>,
}

/// A road user in some of the looks.
struct Seen {
    newest: Detection,
    /// In the look before that, and so on: who moves slowly is followed.
    before: BBox,
    score: f32,
    times: usize,
    /// The look that has it, counted from the newest.
    look: usize,
}

impl Steady {
    /// What the network saw in one picture. `anew`: something may have moved since the look before, so that who was seen then
    /// may be gone.
    pub fn look(&mut self, detections: Vec<Detection>, anew: bool) {
        if anew {
            self.looks.clear();
        }
        self.looks.truncate(LOOKS - 1);
        self.looks.push_front(detections);
        self.there = None;
    }

    /// What the newest look saw.
    pub fn newest(&self) -> &[Detection] {
        self.looks.front().map_or(&[], Vec::as_slice)
    }

    /// Who stands there: boxes as they were seen last, with the mean of their scores.
    pub fn there(&mut self) -> &[Detection] {
        self.there.get_or_insert_with(|| judged(&self.looks))
    }
}

fn judged(looks: &VecDeque<Vec<Detection>>) -> Vec<Detection> {
    let mut all: Vec<Seen> = Vec::new();
    for (look, detections) in looks.iter().enumerate() {
        for detection in detections {
            let bbox = detection.bbox;
            let apart = |seen: &Seen| {
                let (then, now) = (seen.before.center(), bbox.center());
                (then.x - now.x).hypot(then.y - now.y) / size_of(&bbox)
            };
            let known = all.iter_mut().filter(|seen| seen.look < look && apart(seen) <= SAME);
            match known.min_by(|a, b| apart(a).total_cmp(&apart(b))) {
                Some(seen) => {
                    (seen.before, seen.look) = (detection.bbox, look);
                    (seen.score, seen.times) = (seen.score + detection.score, seen.times + 1);
                }
                None => {
                    let Detection { bbox: before, score, .. } = *detection;
                    all.push(Seen { newest: *detection, before, score, times: 1, look });
                }
            }
        }
    }
    let there = all.into_iter().filter(|seen| 2 * seen.times >= looks.len());
    there.map(|seen| Detection { score: seen.score / seen.times as f32, ..seen.newest }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Class;

    fn car(x: f64, score: f32) -> Detection {
        Detection { class: Class::Car, bbox: BBox::new(x, 0.0, 20.0, 10.0), score }
    }

    #[test]
    fn who_is_seen_in_half_of_the_looks_is_there_whatever_the_last_one_shows() {
        let mut steady = Steady::default();
        steady.look(vec![car(0.0, 0.5)], true);
        assert_eq!(steady.there(), [car(0.0, 0.5)], "one look is believed");
        for score in [0.25, 0.75] {
            steady.look(vec![car(0.0, score), car(100.0, 0.5)], false);
        }
        // A flicker in the last one, in which the second car is not seen.
        steady.look(vec![car(1.0, 0.5), car(300.0, 0.5)], false);
        assert_eq!(steady.there(), [car(1.0, 0.5), car(100.0, 0.5)]);
    }

    #[test]
    fn what_moved_away_is_gone_and_old_looks_are_forgotten() {
        let mut steady = Steady::default();
        (0..5).for_each(|_| steady.look(vec![car(0.0, 0.5)], false));
        steady.look(vec![car(50.0, 0.5)], true);
        assert_eq!(steady.there(), [car(50.0, 0.5)]);
        (0..4).for_each(|_| steady.look(Vec::new(), false));
        assert_eq!(steady.there(), []);
        (0..20).for_each(|_| steady.look(vec![car(0.0, 0.5)], false));
        assert_eq!(steady.there(), [car(0.0, 0.5)]);
        assert_eq!(steady.looks.len(), LOOKS);
    }

    #[test]
    fn who_walks_and_is_too_faint_to_be_motion_is_followed() {
        // Half a metre wide, 1.7 m tall; 1.4 m/s, six looks a second.
        let walker = |n: i32| Detection {
            class: Class::Person,
            bbox: BBox::new(f64::from(n) * 7.0, 0.0, 15.0, 51.0),
            score: 0.5,
        };
        let mut steady = Steady::default();
        (0..6).for_each(|n| steady.look(vec![walker(n)], false));
        assert_eq!(steady.there(), [walker(5)]);
    }

    #[test]
    fn of_two_looks_either_is_believed() {
        let mut steady = Steady::default();
        steady.look(vec![car(0.0, 0.5)], true);
        steady.look(vec![car(100.0, 0.5)], false);
        assert_eq!(steady.there(), [car(100.0, 0.5), car(0.0, 0.5)]);
    }

    #[test]
    fn two_beside_each_other_are_two() {
        let mut steady = Steady::default();
        (0..3).for_each(|_| steady.look(vec![car(0.0, 0.5), car(4.0, 0.5)], false));
        assert_eq!(steady.there(), [car(0.0, 0.5), car(4.0, 0.5)]);
    }
}
