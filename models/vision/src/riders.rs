//! A rider and what is ridden are one road user.

use models_domain::BBox;

use crate::layouts::Candidate;

/// The most people that are taken for one bicycle's or motorcycle's crew.
const MAX_CREW: usize = 4;

/// The network must be at least so sure of the less sure of the two, as a share of the other: a faint two-wheeler under a
/// sure walker is most often the walker's shadow or bag.
const AS_SURE: f32 = 0.3;

/// Merges each person who sits on a bicycle or motorcycle into it: the box around both, the class of the two-wheeler, the
/// better score, since each makes the other more likely. Everybody else stays as is, in the given order.
pub fn merge(candidates: &[Candidate]) -> Vec<Candidate> {
    let mut crews: Vec<Vec<usize>> = vec![Vec::new(); candidates.len()];
    let mut rides = vec![false; candidates.len()];
    let people = candidates.iter().enumerate().filter(|(_, c)| !c.class.is_vehicle());
    for (person, candidate) in people {
        let mount = candidates
            .iter()
            .enumerate()
            .filter(|(i, c)| c.class.is_two_wheeler() && crews[*i].len() < MAX_CREW)
            .filter(|(_, c)| c.score.min(candidate.score) >= AS_SURE * c.score.max(candidate.score))
            .filter_map(|(i, c)| Some((i, share_if_riding(&candidate.bbox, &c.bbox)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((mount, _)) = mount {
            crews[mount].push(person);
            rides[person] = true;
        }
    }
    let stays = candidates.iter().zip(crews).zip(rides).filter(|(_, rides)| !rides);
    stays
        .map(|((candidate, crew), _)| {
            crew.iter().fold(*candidate, |all, &i| Candidate {
                class: all.class,
                bbox: all.bbox.union(&candidates[i].bbox),
                score: all.score.max(candidates[i].score),
            })
        })
        .collect()
}

/// How much of the smaller box lies in the other, when the person is where a rider is: above the two-wheeler, reaching
/// into it, over its middle, and of a fitting size. `None` for who walks beside or behind it.
fn share_if_riding(person: &BBox, mount: &BBox) -> Option<f64> {
    let smaller = person.area().min(mount.area());
    let share = if smaller > 0.0 { person.intersection(mount) / smaller } else { 0.0 };
    let (person_bottom, mount_bottom) = (person.y + person.h, mount.y + mount.h);
    let across = (person.x + person.w).min(mount.x + mount.w) - person.x.max(mount.x);
    let sits_above = person.y < mount.y + 0.2 * mount.h && person_bottom < mount_bottom + 0.15 * mount.h;
    let reaches_in = person_bottom > mount.y + 0.25 * mount.h;
    let over_it = across >= 0.6 * person.w.min(mount.w);
    let fits = (0.5..=2.5).contains(&(person.h / mount.h));
    (share >= 0.3 && sits_above && reaches_in && over_it && fits).then_some(share)
}

#[cfg(test)]
mod tests {
    use models_domain::Class::{self, Bicycle, Car, Motorcycle, Person};

    use super::*;

    fn made(rows: &[(Class, [f64; 4])]) -> Vec<Candidate> {
        let of = |&(class, [x, y, w, h]): &(Class, [f64; 4])| Candidate {
            class,
            bbox: BBox::new(x, y, w, h),
            score: 0.5,
        };
        rows.iter().map(of).collect()
    }

    #[track_caller]
    fn check(given: &[(Class, [f64; 4])], want: &[(Class, [f64; 4])]) {
        assert_eq!(merge(&made(given)), made(want));
    }

    #[test]
    fn riders_join_what_they_ride() {
        // Seen from the front: the rider covers most of the motorcycle.
        check(
            &[(Person, [100.0, 100.0, 40.0, 90.0]), (Motorcycle, [98.0, 140.0, 44.0, 60.0])],
            &[(Motorcycle, [98.0, 100.0, 44.0, 100.0])],
        );
        // From the side, two people on it.
        check(
            &[
                (Motorcycle, [100.0, 150.0, 100.0, 60.0]),
                (Person, [115.0, 110.0, 40.0, 85.0]),
                (Person, [145.0, 112.0, 40.0, 80.0]),
            ],
            &[(Motorcycle, [100.0, 110.0, 100.0, 100.0])],
        );
    }

    #[test]
    fn walkers_stay_people() {
        let bicycle = (Bicycle, [100.0, 150.0, 100.0, 60.0]);
        for walker in [
            (Person, [210.0, 110.0, 40.0, 100.0]), // beside
            (Person, [185.0, 110.0, 40.0, 100.0]), // beside, a little behind it
            (Person, [120.0, 40.0, 40.0, 100.0]),  // far behind
            (Person, [120.0, 130.0, 40.0, 160.0]), // in front: feet nearer to the camera
            (Person, [130.0, 140.0, 8.0, 20.0]),   // a small figure in the distance
        ] {
            check(&[bicycle, walker], &[bicycle, walker]);
        }
    }

    #[test]
    fn nobody_joins_a_car() {
        let rows = [(Car, [0.0, 0.0, 200.0, 100.0]), (Person, [50.0, -5.0, 40.0, 80.0])];
        check(&rows, &rows);
    }

    #[test]
    fn each_rider_takes_the_nearest_mount() {
        check(
            &[
                (Motorcycle, [100.0, 150.0, 50.0, 60.0]),
                (Motorcycle, [140.0, 150.0, 50.0, 60.0]),
                (Person, [142.0, 110.0, 44.0, 90.0]),
            ],
            &[(Motorcycle, [100.0, 150.0, 50.0, 60.0]), (Motorcycle, [140.0, 110.0, 50.0, 100.0])],
        );
    }

    #[test]
    fn the_surer_of_both_counts_unless_the_other_is_a_mere_shadow() {
        let mut rows = made(&[(Person, [100.0, 100.0, 40.0, 90.0]), (Motorcycle, [98.0, 140.0, 44.0, 60.0])]);
        (rows[0].score, rows[1].score) = (0.6, 0.2);
        let merged = merge(&rows);
        assert_eq!((merged.len(), merged[0].class, merged[0].score), (1, Motorcycle, 0.6));
        rows[0].score = 0.9;
        assert_eq!(merge(&rows), rows);
    }

    #[test]
    fn empty_boxes_do_no_harm() {
        let rows = [(Motorcycle, [0.0, 0.0, 0.0, 0.0]), (Person, [0.0, 0.0, 0.0, 0.0])];
        check(&rows, &rows);
    }
}
