//! One rider is one road user: people who sit on a two-wheeler are joined with it.

use crate::detection::{BBox, Class, Detection};

/// Least part of the narrower box's width that must lie within the other.
const WIDTH_SHARED: f64 = 0.5;

/// Joins every person with the two-wheeler below it; the rest is left as it is. Two-wheelers take any number of people.
pub fn join_riders(seen: &[Detection]) -> Vec<Detection> {
    let mut joined: Vec<Detection> = seen.iter().copied().filter(|d| d.class != Class::Person).collect();
    let machines: Vec<(usize, BBox)> = joined
        .iter()
        .enumerate()
        .filter(|(_, d)| d.class.is_two_wheeler())
        .map(|(i, d)| (i, d.bbox))
        .collect();
    for person in seen.iter().filter(|d| d.class == Class::Person) {
        let best = machines
            .iter()
            .map(|(i, machine)| (*i, sits_on(&person.bbox, machine)))
            .filter(|(_, fit)| *fit > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((i, _)) => {
                joined[i].bbox = joined[i].bbox.union(&person.bbox);
                joined[i].score = joined[i].score.max(person.score);
            }
            None => joined.push(*person),
        }
    }
    joined
}

/// How well the person fits as a rider, 0 when not at all: above each other, touching, of like width.
fn sits_on(person: &BBox, machine: &BBox) -> f64 {
    let both = person.intersection(machine);
    let width = (person.x + person.w).min(machine.x + machine.w) - person.x.max(machine.x);
    let narrower = person.w.min(machine.w);
    let (head, seat) = (person.y, machine.y);
    // A rider's head is above the machine, the feet are not below its wheels, and nobody rides a machine seen much smaller.
    let upright = head <= seat + 0.1 * machine.h
        && person.y + person.h <= machine.y + machine.h * 1.1
        && person.y + person.h >= machine.y + machine.h * 0.15
        && person.h <= machine.h * 2.5;
    if both <= 0.0 || narrower <= 0.0 || width < WIDTH_SHARED * narrower || !upright {
        return 0.0;
    }
    both / person.area().min(machine.area())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(class: Class, x: f64, y: f64, w: f64, h: f64) -> Detection {
        Detection { class, bbox: BBox::new(x, y, w, h), score: 0.5 }
    }

    #[test]
    fn rider_and_pillion_join_the_motorcycle() {
        let seen = [
            seen(Class::Motorcycle, 10.0, 30.0, 24.0, 40.0),
            seen(Class::Person, 12.0, 5.0, 18.0, 45.0),
            seen(Class::Person, 14.0, 8.0, 18.0, 45.0),
        ];
        let joined = join_riders(&seen);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].class, Class::Motorcycle);
        assert_eq!(joined[0].bbox, BBox::new(10.0, 5.0, 24.0, 65.0));
    }

    #[test]
    fn a_walker_beside_or_in_front_stays_alone() {
        let machine = seen(Class::Motorcycle, 10.0, 30.0, 24.0, 40.0);
        for walker in
            [seen(Class::Person, 60.0, 5.0, 18.0, 60.0), seen(Class::Person, 12.0, 20.0, 22.0, 80.0)]
        {
            assert_eq!(join_riders(&[machine, walker]).len(), 2);
        }
    }
}
