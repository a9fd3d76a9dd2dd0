//! `health`: when faults begin and end, told as one line for each piece of news.

use super::*;
use crate::signal::SignalAlarm;
use crate::units::{DurationMs, UtcMillis};

/// A controller under watch, looked at every five seconds.
struct Street {
    health: Health,
    now: i64,
    alarms: Vec<SignalAlarm>,
    away: Option<Away>,
    ahead: Option<i64>,
}

impl Street {
    fn new() -> Self {
        Self { health: Health::default(), now: 0, alarms: Vec::new(), away: None, ahead: None }
    }

    fn alarm(&mut self, code: &str, component: &str, priority: u8) {
        self.alarms.push(SignalAlarm {
            code: code.into(),
            component: component.into(),
            active: true,
            acknowledged: false,
            suspended: false,
            priority,
            description: format!("about {code}"),
        });
    }

    /// So many seconds as it is now; what was told, with the second it was told in.
    fn wait(&mut self, seconds: i64) -> Vec<String> {
        let mut told = Vec::new();
        let until = self.now + seconds * 1_000;
        while self.now < until {
            self.now += 5_000;
            let observed = Observed {
                away: self.away,
                alarms: self.alarms.iter().collect(),
                clock_ahead: self.ahead.map(DurationMs),
            };
            let news = self.health.step(UtcMillis(self.now), &observed);
            told.extend(news.iter().map(|news| format!("{}: {}", self.now / 1_000, line(news))));
        }
        told
    }
}

fn line(news: &News) -> String {
    let part = |part: &Part| format!("{} {:?}", part.kind.name(), part.name);
    let told = |fault: &Fault| {
        let (codes, since) = (fault.codes.join("+"), fault.began.0 / 1_000);
        format!("{} {codes} p{} since {since}", part(&fault.part), fault.priority)
    };
    match news {
        News::Began(fault) => format!("began {}", told(fault)),
        News::Changed(fault) => format!("changed {}", told(fault)),
        News::Ended { part: ended, at } => format!("ended {} at {}", part(ended), at.0 / 1_000),
    }
}

#[test]
fn alarms_of_one_part_are_one_fault() {
    let mut street = Street::new();
    street.alarm("A0202", "SG1", 3);
    assert_eq!(street.wait(20), ["5: began lamp \"SG1\" A0202 p3 since 5"]);
    street.alarm("A0201", "SG1", 2);
    street.alarm("A0301", "DL1", 3);
    let told = street.wait(5);
    assert_eq!(
        told,
        ["25: changed lamp \"SG1\" A0201+A0202 p2 since 5", "25: began detector \"DL1\" A0301 p3 since 25"]
    );
    let worst: Vec<FaultKind> = street.health.faults().iter().map(|fault| fault.part.kind).collect();
    assert_eq!(worst, [FaultKind::Lamp, FaultKind::Detector]);
    street.alarms.clear();
    assert_eq!(street.wait(55), Vec::<String>::new());
    assert_eq!(street.wait(5), ["85: ended lamp \"SG1\" at 25", "85: ended detector \"DL1\" at 25"]);
    assert_eq!(street.health.faults(), Vec::<&Fault>::new());
}

#[test]
fn what_comes_and_goes_is_one_fault() {
    let mut street = Street::new();
    let mut told = Vec::new();
    for _ in 0..10 {
        street.alarm("lockedOn", "detector 3", 3);
        told.extend(street.wait(5));
        street.alarms.clear();
        told.extend(street.wait(45));
    }
    assert_eq!(told, ["5: began detector \"detector 3\" lockedOn p3 since 5"]);
    street.alarm("spike", "detector 4", 3);
    assert_eq!(street.wait(10), Vec::<String>::new());
}

#[test]
fn a_link_is_lost_after_a_while_and_nothing_ends_meanwhile() {
    let mut street = Street::new();
    street.alarm("A0010", "TC", 2);
    street.ahead = Some(0);
    assert_eq!(street.wait(5), ["5: began door \"TC\" A0010 p2 since 5"]);
    street.away = Some(Away::Controller);
    street.alarms.clear();
    street.ahead = Some(90_000);
    assert_eq!(street.wait(15), Vec::<String>::new());
    assert_eq!(street.wait(600), ["25: began link \"\" controller p2 since 10"]);
    street.away = Some(Away::Gateway);
    assert_eq!(street.wait(5), ["625: changed link \"\" gateway p2 since 10"]);
    (street.away, street.ahead) = (None, Some(0));
    assert_eq!(street.wait(5), ["630: ended link \"\" at 625"]);
    // As last seen before anybody could know.
    assert_eq!(street.wait(60), ["685: ended door \"TC\" at 625"]);
}

#[test]
fn short_losses_are_none_and_many_long_ones_are_a_fault() {
    let mut street = Street::new();
    let mut told = Vec::new();
    let mut lose = |street: &mut Street, seconds: i64| {
        street.away = Some(Away::Controller);
        told.extend(street.wait(seconds));
        street.away = None;
        told.extend(street.wait(100 - seconds));
    };
    for _ in 0..10 {
        lose(&mut street, 10);
    }
    for _ in 0..4 {
        lose(&mut street, 20);
    }
    let unstable: Vec<&String> = told.iter().filter(|line| line.contains("unstable")).collect();
    assert_eq!(unstable, ["1325: began link \"unstable\" unstable p3 since 1325"]);
    assert_eq!(told.iter().filter(|line| line.contains("began link \"\"")).count(), 4);
    // An hour after the first of the four, and a minute.
    let over = street.wait(4_000);
    assert_eq!(over, ["4665: ended link \"unstable\" at 4605"]);
}

#[test]
fn a_clock_is_off_for_a_while_before_it_is_a_fault() {
    let mut street = Street::new();
    street.ahead = Some(-1_400);
    assert_eq!(street.wait(60), Vec::<String>::new());
    street.ahead = Some(400);
    assert_eq!(street.wait(60), Vec::<String>::new());
    street.ahead = Some(1_400);
    assert_eq!(street.wait(65), ["185: began clock \"\" ahead p3 since 125"]);
    street.ahead = Some(600);
    assert_eq!(street.wait(600), Vec::<String>::new());
    street.ahead = Some(100);
    assert_eq!(street.wait(60), ["845: ended clock \"\" at 785"]);
    // What is not told is not wrong.
    street.ahead = None;
    assert_eq!(street.wait(60), Vec::<String>::new());
}

#[test]
fn a_restart_goes_on_with_what_was_told() {
    let mut street = Street::new();
    street.alarm("A0202", "SG1", 3);
    street.wait(10);
    let open: Vec<Fault> = street.health.faults().into_iter().cloned().collect();
    let losses = [100, 200, 300].map(|s| UtcMillis(s * 1_000));
    street.now = 400_000;
    street.health = Health::resume(open, losses, UtcMillis(street.now));
    assert_eq!(street.wait(30), Vec::<String>::new());
    street.away = Some(Away::Gateway);
    let told = street.wait(25);
    assert_eq!(
        told,
        ["450: began link \"\" gateway p2 since 435", "455: began link \"unstable\" unstable p3 since 455"]
    );
}

#[test]
fn a_suspended_alarm_ends_nothing_and_begins_nothing() {
    let mut street = Street::new();
    street.alarm("A0202", "SG1", 3);
    street.wait(5);
    (street.alarms[0].active, street.alarms[0].suspended) = (false, true);
    assert_eq!(street.wait(3_600), Vec::<String>::new());
    street.alarms.clear();
    assert_eq!(street.wait(60), ["3665: ended lamp \"SG1\" at 3605"]);
    for active in [false, true] {
        street.alarms.clear();
        street.alarm("A0202", "SG2", 3);
        (street.alarms[0].active, street.alarms[0].suspended) = (active, true);
        assert_eq!(street.wait(600), Vec::<String>::new());
    }
    // Another alarm of the part is another matter.
    street.alarm("A0201", "SG2", 2);
    assert_eq!(street.wait(5), ["4870: began lamp \"SG2\" A0201 p2 since 4870"]);
    street.alarms.pop();
    assert_eq!(street.wait(60), ["4930: ended lamp \"SG2\" at 4870"]);
}

#[test]
fn many_alarms_hide_no_lost_link_and_long_names_are_cut() {
    let mut street = Street::new();
    for n in 0..300 {
        street.alarm("A0301", &format!(" DL{n}\n{} ", "x".repeat(100)), 3);
    }
    assert_eq!(street.wait(5).len(), 200);
    let longest = street.health.faults().iter().map(|fault| fault.part.name.len()).max();
    assert_eq!(longest, Some(PART_MAX));
    street.away = Some(Away::Controller);
    assert_eq!(street.wait(25), ["25: began link \"\" controller p2 since 10"]);
}

#[test]
fn a_clock_of_ours_that_is_set_back_holds_nothing_up() {
    let mut street = Street::new();
    street.now = 7_200_000;
    street.alarm("A0202", "SG1", 3);
    street.wait(5);
    street.alarms.clear();
    street.away = Some(Away::Gateway);
    assert_eq!(street.wait(10), Vec::<String>::new());
    street.now -= 3_600_000;
    assert_eq!(street.wait(20), ["3635: began link \"\" gateway p2 since 3620"]);
    assert_eq!(street.health.heard_since(), None);
    street.away = None;
    assert_eq!(street.wait(60).last().unwrap(), "3695: ended lamp \"SG1\" at 3635");
    assert_eq!(street.health.heard_since(), Some(UtcMillis(3_640_000)));
}
