//! How good a network is: average precision against labelled pictures, as COCO defines it (cocodataset.org, "Detection
//! Evaluation": ten IoU thresholds, 101 recall points, at most 100 boxes a picture and class).

mod coco;

use std::collections::BTreeMap;

use models_domain::{BBox, Class};

pub use coco::{Coco, CocoError, Labelled};

/// IoU thresholds that AP is the mean of; AP50 is the first.
const IOUS: [f64; 10] = [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95];
const RECALL_POINTS: usize = 101;
const MAX_BOXES: usize = 100;

/// A labelled road user of picture number `picture`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    pub picture: usize,
    pub class: Class,
    pub bbox: BBox,
    /// Many in one box: nobody must be found there, and who is, is not wrong.
    pub crowd: bool,
}

/// What a network found in picture number `picture`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub picture: usize,
    pub class: Class,
    pub bbox: BBox,
    pub score: f32,
}

/// All 0..=1. `None` where nothing is labelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Mean over IoU 0.50 to 0.95.
    pub ap: Option<f64>,
    pub ap50: Option<f64>,
    /// At IoU 0.5, of the boxes whose score reaches the threshold asked for.
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    /// Labelled road users, crowds aside.
    pub truths: usize,
}

/// Overall (the mean of the classes that are labelled; precision and recall of all boxes together) and by class.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub all: Scores,
    pub by_class: Vec<(Class, Scores)>,
}

/// Scores what was found. `sure` is the score from which boxes count for precision and recall.
pub fn report(truths: &[Truth], found: &[Found], sure: f32) -> Report {
    let mut counts = Counts::default();
    let mut by_class = Vec::new();
    for class in Class::ALL {
        let (scores, of_class) = one_class(class, truths, found, sure);
        counts.add(of_class);
        by_class.push((class, scores));
    }
    let mean = |of: fn(&Scores) -> Option<f64>| {
        let known: Vec<f64> = by_class.iter().filter_map(|(_, s)| of(s)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let all = Scores {
        ap: mean(|s| s.ap),
        ap50: mean(|s| s.ap50),
        precision: counts.precision(),
        recall: counts.recall(),
        truths: counts.truths,
    };
    Report { all, by_class }
}

#[derive(Default, Clone, Copy)]
struct Counts {
    right: usize,
    wrong: usize,
    truths: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.truths += other.truths;
    }

    fn precision(self) -> Option<f64> {
        let all = self.right + self.wrong;
        (all > 0).then(|| self.right as f64 / all as f64)
    }

    fn recall(self) -> Option<f64> {
        (self.truths > 0).then(|| self.right as f64 / self.truths as f64)
    }
}

fn one_class(class: Class, truths: &[Truth], found: &[Found], sure: f32) -> (Scores, Counts) {
    let mut pictures: BTreeMap<usize, (Vec<Truth>, Vec<Found>)> = BTreeMap::new();
    for truth in truths.iter().filter(|t| t.class == class) {
        pictures.entry(truth.picture).or_default().0.push(*truth);
    }
    for one in found.iter().filter(|f| f.class == class) {
        pictures.entry(one.picture).or_default().1.push(*one);
    }
    for (truths, found) in pictures.values_mut() {
        // Crowds last: a box goes to one only when no single road user is left for it.
        truths.sort_by_key(|t| t.crowd);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MAX_BOXES);
    }
    let labelled = truths.iter().filter(|t| t.class == class && !t.crowd).count();
    let judged = |iou| pictures.values().flat_map(move |(t, f)| judge(t, f, iou)).collect::<Vec<_>>();
    let at: Vec<f64> = IOUS.iter().map(|iou| average_precision(judged(*iou), labelled)).collect();
    let of_sure = judged(IOUS[0]).into_iter().filter(|(score, _)| *score >= sure);
    let (right, wrong): (Vec<_>, Vec<_>) = of_sure.partition(|(_, right)| *right);
    let counts = Counts { right: right.len(), wrong: wrong.len(), truths: labelled };
    let known = labelled > 0;
    let scores = Scores {
        ap: known.then(|| at.iter().sum::<f64>() / at.len() as f64),
        ap50: known.then(|| at[0]),
        precision: counts.precision(),
        recall: counts.recall(),
        truths: labelled,
    };
    (scores, counts)
}

/// Of each box of one picture, best first, its score and whether it is right; boxes in a crowd are neither and left out.
fn judge(truths: &[Truth], found: &[Found], iou: f64) -> Vec<(f32, bool)> {
    let mut taken = vec![false; truths.len()];
    let mut judged = Vec::with_capacity(found.len());
    for one in found {
        let mut best: Option<(usize, f64)> = None;
        for (i, truth) in truths.iter().enumerate() {
            if taken[i] && !truth.crowd {
                continue;
            }
            // Crowds come last, and only for who has found nobody.
            if truth.crowd && best.is_some_and(|(j, _)| !truths[j].crowd) {
                break;
            }
            let overlap = match truth.crowd {
                true => one.bbox.intersection(&truth.bbox) / one.bbox.area(),
                false => one.bbox.iou(&truth.bbox),
            };
            if overlap >= best.map_or(iou, |(_, best)| best) {
                best = Some((i, overlap));
            }
        }
        match best {
            Some((i, _)) if truths[i].crowd => {}
            Some((i, _)) => {
                taken[i] = true;
                judged.push((one.score, true));
            }
            None => judged.push((one.score, false)),
        }
    }
    judged
}

/// Precision at 101 evenly spread recalls, each the best at that recall or a higher one.
fn average_precision(mut judged: Vec<(f32, bool)>, labelled: usize) -> f64 {
    if labelled == 0 {
        return 0.0;
    }
    judged.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut curve = Vec::with_capacity(judged.len());
    let mut right = 0;
    for (i, (_, is_right)) in judged.iter().enumerate() {
        right += usize::from(*is_right);
        curve.push((right as f64 / labelled as f64, right as f64 / (i + 1) as f64));
    }
    let mut best = 0.0_f64;
    for (_, precision) in curve.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let at = |point: usize| {
        let recall = point as f64 / (RECALL_POINTS - 1) as f64;
        let from = curve.partition_point(|(r, _)| *r < recall);
        curve.get(from).map_or(0.0, |(_, precision)| *precision)
    };
    (0..RECALL_POINTS).map(at).sum::<f64>() / RECALL_POINTS as f64
}

#[cfg(test)]
mod tests {
    use models_domain::Class::{Car, Motorcycle};

    use super::*;

    /// Truths as (picture, x) and boxes as (picture, x, score) of cars of 100 x 100 pixels.
    fn of(truths: &[(usize, f64)], found: &[(usize, f64, f32)], sure: f32) -> Report {
        let truths: Vec<_> = truths
            .iter()
            .map(|&(picture, x)| Truth { picture, class: Car, bbox: square(x), crowd: false })
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|&(picture, x, score)| Found { picture, class: Car, bbox: square(x), score })
            .collect();
        report(&truths, &found, sure)
    }

    fn square(x: f64) -> BBox {
        BBox::new(x, 0.0, 100.0, 100.0)
    }

    #[track_caller]
    fn near(found: Option<f64>, want: f64) {
        assert!(found.is_some_and(|f| (f - want).abs() < 1e-9), "{found:?}, wanted {want}");
    }

    #[test]
    fn perfect_and_empty() {
        let all = of(&[(0, 0.0), (1, 50.0)], &[(0, 0.0, 0.9), (1, 50.0, 0.8)], 0.5).all;
        for value in [all.ap, all.ap50, all.precision, all.recall] {
            near(value, 1.0);
        }
        assert_eq!(all.truths, 2);
        let none = of(&[(0, 0.0)], &[], 0.5).all;
        near(none.ap, 0.0);
        assert_eq!((none.precision, none.recall), (None, Some(0.0)));
        assert_eq!(of(&[], &[(0, 0.0, 0.9)], 0.5).all.ap, None);
    }

    #[test]
    fn by_hand() {
        // Best first: right, wrong, right; two labelled. Recall 0.5 at precision 1, recall 1 at 2/3.
        // Points 0.00 to 0.50 (51 of them) have 1, the other 50 have 2/3.
        let scores =
            of(&[(0, 0.0), (0, 500.0)], &[(0, 0.0, 0.9), (0, 250.0, 0.8), (0, 500.0, 0.7)], 0.75).all;
        near(scores.ap50, (51.0 + 50.0 * 2.0 / 3.0) / 101.0);
        near(scores.ap, (51.0 + 50.0 * 2.0 / 3.0) / 101.0);
        near(scores.precision, 0.5);
        near(scores.recall, 0.5);
        // One of three found: 34 points (0.00 to 0.33).
        near(of(&[(0, 0.0), (1, 0.0), (2, 0.0)], &[(1, 0.0, 0.5)], 0.0).all.ap50, 34.0 / 101.0);
    }

    #[test]
    fn a_box_a_little_off_is_right_for_the_lower_thresholds() {
        // Moved by 20 of 100: IoU 2/3, right for 0.50, 0.55, 0.60, 0.65 of ten.
        let scores = of(&[(0, 0.0)], &[(0, 20.0, 0.9)], 0.0).all;
        near(scores.ap50, 1.0);
        near(scores.ap, 0.4);
    }

    #[test]
    fn a_second_box_on_the_same_is_wrong() {
        let scores = of(&[(0, 0.0)], &[(0, 5.0, 0.9), (0, 0.0, 0.8)], 0.0).all;
        // The surer one takes it: right, then wrong.
        near(scores.ap50, 1.0);
        near(scores.precision, 0.5);
        // The other way around the wrong one comes first.
        let scores = of(&[(0, 0.0)], &[(0, 400.0, 0.9), (0, 0.0, 0.8)], 0.0).all;
        near(scores.ap50, 0.5);
    }

    #[test]
    fn a_crowd_is_neither_right_nor_wrong() {
        let crowd = Truth { picture: 0, class: Car, bbox: BBox::new(0.0, 0.0, 1000.0, 100.0), crowd: true };
        let one = Truth { bbox: square(0.0), crowd: false, ..crowd };
        let found = [(0.0, 0.9), (300.0, 0.8), (600.0, 0.7)].map(|(x, score)| Found {
            picture: 0,
            class: Car,
            bbox: square(x),
            score,
        });
        let scores = report(&[crowd, one], &found, 0.0).all;
        near(scores.ap, 1.0);
        near(scores.precision, 1.0);
        assert_eq!(scores.truths, 1);
        // In another picture there is no crowd.
        let elsewhere = Found { picture: 1, ..found[1] };
        near(report(&[crowd, one], &[elsewhere, found[0]], 0.0).all.precision, 0.5);
    }

    #[test]
    fn classes_are_scored_apart_and_those_without_labels_are_left_out() {
        let truth = |class, x| Truth { picture: 0, class, bbox: square(x), crowd: false };
        let one = |class, x| Found { picture: 0, class, bbox: square(x), score: 0.9 };
        let made = report(
            &[truth(Car, 0.0), truth(Motorcycle, 300.0)],
            &[one(Car, 0.0), one(Car, 300.0), one(Class::Bus, 0.0)],
            0.5,
        );
        near(made.all.ap50, 0.5);
        near(made.all.precision, 1.0 / 3.0);
        let of = |class| made.by_class.iter().find(|(c, _)| *c == class).unwrap().1;
        near(of(Car).ap50, 1.0);
        near(of(Motorcycle).ap50, 0.0);
        assert_eq!((of(Class::Bus).ap50, of(Class::Bus).truths), (None, 0));
    }

    #[test]
    fn no_more_than_a_hundred_boxes_a_picture_count() {
        let mut found: Vec<_> = (0..100).map(|i| (0, 1_000.0 + 200.0 * f64::from(i), 0.9)).collect();
        found.push((0, 0.0, 0.8));
        near(of(&[(0, 0.0)], &found, 0.0).all.ap50, 0.0);
        found.remove(0);
        near(of(&[(0, 0.0)], &found, 0.0).all.ap50, 0.01);
    }
}
