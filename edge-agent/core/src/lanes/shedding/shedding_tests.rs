//! A street under load: who gives first, who rests, and how fairly.

use std::collections::BTreeSet;

use Priority::{Counting, Health, Incident};

use super::*;

/// So many cameras of each class, six pictures a second each: seats are the class's number times 100 and on.
fn street(health: u64, incident: u64, counting: u64) -> Shedding {
    let mut shedding = Shedding::new(Duration::ZERO);
    for (class, of, count) in [(Health, 0, health), (Incident, 1, incident), (Counting, 2, counting)] {
        (0..count).for_each(|n| shedding.join(class, of * 100 + n, 6.0));
    }
    shedding
}

/// `seconds` of work of all `classes` that waits `wait_ms`.
fn pass(shedding: &mut Shedding, classes: &[Priority], seconds: u64, wait_ms: u64) {
    let start = shedding.since;
    for i in 1..=seconds * 10 {
        let now = start + Duration::from_millis(i * 100);
        for class in classes {
            shedding.waited(now, *class, Duration::from_millis(wait_ms));
        }
    }
}

/// Of each class how many are served, and the least share among them in percent.
fn given(shedding: &Shedding) -> [(usize, f64); 3] {
    [(Health, 0), (Incident, 1), (Counting, 2)].map(|(class, of)| {
        let seats = shedding.classes.iter().find(|(c, _)| *c == class).map(|(_, c)| c.len()).unwrap();
        let shares = (0..seats as u64).filter_map(|n| match shedding.grant(class, of * 100 + n) {
            Grant::Share(share) => Some((share * 100.0).round()),
            Grant::Rest => None,
        });
        let shares: Vec<f64> = shares.collect();
        (shares.len(), shares.into_iter().fold(100.0, f64::min))
    })
}

#[test]
fn the_lowest_class_is_shed_first_and_comes_back_last() {
    let mut shedding = street(4, 4, 4);
    let all = [Health, Incident, Counting];
    pass(&mut shedding, &all, 5, 100);
    assert_eq!(given(&shedding), [(4, 100.0); 3]);
    pass(&mut shedding, &all, 1, 300);
    assert_eq!(given(&shedding), [(4, 56.0), (4, 100.0), (4, 100.0)]);
    pass(&mut shedding, &all, 6, 300);
    assert_eq!(given(&shedding), [(1, 50.0), (4, 56.0), (4, 100.0)]);
    pass(&mut shedding, &all, 60, 300);
    assert_eq!(given(&shedding), [(1, 50.0); 3], "one of each class is left");
    pass(&mut shedding, &all, 16, 10);
    assert_eq!(given(&shedding)[2].0, 4);
    assert_eq!(given(&shedding)[0], (1, 50.0));
    pass(&mut shedding, &all, 120, 10);
    assert_eq!(given(&shedding), [(4, 100.0); 3]);
}

/// Whatever the load, who is served at all is served at a rate that is of use.
#[test]
fn nobody_gets_a_useless_rate() {
    let mut shedding = Shedding::new(Duration::ZERO);
    let wants = [1.0, 3.0, 4.0, 6.0, 12.0, 25.0];
    wants.iter().zip(0..).for_each(|(fps, seat)| shedding.join(Counting, seat, *fps));
    for _ in 0..200 {
        pass(&mut shedding, &[Counting], 1, 400);
        for (fps, seat) in wants.iter().zip(0..) {
            if let Grant::Share(share) = shedding.grant(Counting, seat) {
                assert!(share * fps >= USEFUL_FPS.min(*fps) - 1e-9, "{fps} a second: {share}");
            }
        }
    }
}

/// A machine that can serve six of sixteen: how long each is served, and in how many pieces.
#[test]
fn turns_go_round_fairly_and_each_is_long_enough_to_count() {
    let mut shedding = street(0, 0, 16);
    let (mut served, mut pieces) = ([0u64; 16], [0u64; 16]);
    let mut before = BTreeSet::new();
    for second in 1..=1_920 {
        for tenth in 0..10 {
            let now = Duration::from_millis(second * 1_000 + tenth * 100);
            let busy = given(&shedding)[2].0;
            shedding.waited(now, Counting, Duration::from_millis(if busy > 6 { 400 } else { 50 }));
        }
        let rests = |seat: &u64| shedding.grant(Counting, *seat) != Grant::Rest;
        let now: BTreeSet<u64> = (200..216).filter(rests).collect();
        for seat in &now {
            served[(seat - 200) as usize] += 1;
            pieces[(seat - 200) as usize] += u64::from(!before.contains(seat));
        }
        before = now;
    }
    let total: u64 = served.iter().sum();
    assert!(total > 1_920 * 5, "the machine is used: {total}");
    for (n, (seconds, pieces)) in served.iter().zip(&pieces).enumerate() {
        let fair = total / 16;
        assert!((fair * 7 / 10..fair * 13 / 10).contains(seconds), "camera {n}: {seconds} of {fair} s");
        assert!(seconds / pieces >= 20, "camera {n}: {seconds} s in {pieces} pieces");
    }
}

#[test]
fn waiting_for_the_picture_before_keeps_no_share_down() {
    let mut shedding = street(0, 0, 2);
    pass(&mut shedding, &[Counting], 3, 300);
    pass(&mut shedding, &[Counting], 15, 120);
    assert_eq!(given(&shedding)[2], (2, 100.0));
}

#[test]
fn a_hiccup_costs_nobody_his_turn() {
    let mut shedding = street(0, 0, 8);
    for second in 0..60 {
        for tenth in 0..10 {
            let now = Duration::from_millis(second * 1_000 + tenth * 100);
            // One camera of eight is late; and once in ten seconds all are, for a second.
            for camera in 0..8 {
                let late = camera == 0 || (second % 10 == 5);
                shedding.waited(now, Counting, Duration::from_millis(if late { 400 } else { 20 }));
            }
        }
        assert_eq!(given(&shedding)[2].0, 8, "after {second} s");
    }
}

#[test]
fn a_class_without_work_is_not_cut_in_vain() {
    let mut shedding = street(3, 3, 3);
    pass(&mut shedding, &[Counting], 1, 300);
    assert_eq!(given(&shedding), [(3, 100.0), (3, 100.0), (3, 56.0)]);
}

#[test]
fn who_leaves_takes_no_turn_and_who_comes_is_served() {
    let mut shedding = street(0, 0, 3);
    (0..3).for_each(|n| shedding.leave(Counting, 200 + n));
    pass(&mut shedding, &[Counting], 10, 400);
    shedding.join(Counting, 200, 6.0);
    assert_eq!(shedding.grant(Counting, 200), Grant::Share(1.0));
    assert_eq!(shedding.grant(Counting, 999), Grant::Share(1.0));
}
