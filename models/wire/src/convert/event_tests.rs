//! Every kind of event goes to protobuf bytes and back unchanged; what is not of the contract is refused.

use prost::Message;

use models_domain::MeasureKind;
use models_domain::count::{MinuteCount, MinuteCounts};
use models_domain::event::{Phase, Way};
use models_domain::signal::SignalAlarm;
use models_domain::signal::detector::Reading;
use models_domain::signal::order::{OrderTold, Step};
use models_domain::signal::red_light::{EvidenceStill, LampState, Passage, RedLightRun};

use super::*;

fn counts() -> MinuteCounts {
    let count = |class, direction, crossings| MinuteCount {
        line: "north".parse().unwrap(),
        class,
        direction,
        crossings,
    };
    MinuteCounts {
        minute: UtcMillis(1_700_000_040_000),
        watched: DurationMs(60_000),
        analysed: DurationMs(12_345),
        crossings: vec![
            count(Class::Car, Direction::ToLeft, 3),
            count(Class::Motorcycle, Direction::ToRight, 70),
        ],
    }
}

fn groups() -> GroupStates {
    GroupStates {
        groups: "1eBN".into(),
        cycle_s: Some(17),
        stage: None,
        controller_at: UtcMillis(11),
        late: DurationMs(100),
        old: true,
    }
}

fn red_light() -> RedLightRun {
    let at = UtcMillis;
    let still = |ms| EvidenceStill { at: at(ms), bbox: BBox::new(1.0, 2.0, 3.0, 4.5), sha256: [7; 32] };
    let lamp = |state, ms| LampState { state, at: at(ms), by: at(ms + 40), controller_at: at(ms - 3) };
    RedLightRun {
        line: "stop".parse().unwrap(),
        direction: Direction::ToLeft,
        junction: "kim-ma".parse().unwrap(),
        group: 4,
        class: Class::Motorcycle,
        track: TrackId(8),
        passage: Passage { before: at(1), at: at(2), beyond: at(3), after: at(4) },
        red_for: DurationMs(900),
        into_red: DurationMs(1_300),
        camera_error: DurationMs(150),
        signal_error: DurationMs(200),
        clock_ahead: DurationMs(-7),
        known_until: at(9_000),
        lamp: vec![lamp('1', -9_000), lamp('N', -4_000), lamp('B', -1_000)],
        stills: vec![still(1), still(3), still(4)],
    }
}

fn told() -> models_domain::transit::Told {
    let driver = Some("790012345678".into());
    let signed = models_domain::transit::assign::SignOn::of(Some("t1".into()), None, Some("32".into()));
    models_domain::transit::Told { doors_open: Some(true), engine_on: Some(false), sos: true, driver, signed }
}

fn bodies() -> Vec<EventBody> {
    let camera = || "cam-1".parse().unwrap();
    let junction = || "j-1".parse().unwrap();
    let state = |link| LinkState { link, reason: "no route to host".into() };
    let crossing = LineCrossing {
        line: "north".parse().unwrap(),
        class: Class::Motorcycle,
        direction: Direction::ToLeft,
        track: TrackId(9),
    };
    let rule = RuleEvent {
        zone: Some("box".parse().unwrap()),
        track: Some(TrackId(3)),
        class: Some(Class::Bus),
        bbox: Some(BBox::new(1.0, 2.0, 3.0, 4.5)),
        ..RuleEvent::new("stopped_vehicle", Phase::Moment, UtcMillis(5))
    };
    let measured = |phase| RuleEvent {
        way: Some(Way { from: "north".into(), to: "east".into() }),
        measures: MeasureKind::ALL.iter().zip(1..).map(|(what, n)| what.of(f64::from(n) / 4.0)).collect(),
        ..RuleEvent::new("queue", phase, UtcMillis(6))
    };
    let stats = CameraStats { span: DurationMs(5000), frames: 1, inferred: 2, detections: 3, dropped: 4 };
    let fix = Fix {
        vehicle: "29b-12345".parse().unwrap(),
        at: UtcMillis(7),
        received: UtcMillis(8),
        position: LatLon::new(21.0278, 105.8342),
        speed: MetersPerSecond(3.5),
        course: Some(Degrees(14.0)),
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: told(),
    };
    let alarm = SignalAlarm {
        code: "A0008".into(),
        component: "sg-1".into(),
        active: true,
        acknowledged: false,
        suspended: true,
        priority: 2,
        description: "dead lock".into(),
    };
    vec![
        EventBody::LineCrossing { camera: camera(), crossing },
        EventBody::Counts { camera: camera(), counts: counts() },
        EventBody::Rule { camera: camera(), event: rule },
        EventBody::Rule { camera: camera(), event: measured(Phase::Begun) },
        EventBody::Rule { camera: camera(), event: measured(Phase::Ended) },
        EventBody::Rule { camera: camera(), event: measured(Phase::Figure) },
        EventBody::RedLight { camera: camera(), run: Box::new(red_light()) },
        EventBody::CameraStats { camera: camera(), stats },
        EventBody::CameraState { camera: camera(), state: state(Link::Down) },
        EventBody::Fix(fix),
        EventBody::Signal { junction: junction(), groups: groups() },
        EventBody::SignalAlarm { junction: junction(), alarm },
        EventBody::SignalState { junction: junction(), state: state(Link::Connecting) },
        EventBody::SignalOrder {
            junction: junction(),
            told: OrderTold { number: 7, step: Step::Done, detail: "plan 2".into() },
        },
        detectors(),
    ]
}

fn detectors() -> EventBody {
    let reading = Reading { interval: DurationMs(60_000), vehicles: Some(9), ..Reading::default() };
    EventBody::Detectors { junction: "kim-ma".parse().unwrap(), readings: vec![(3, reading)] }
}

#[test]
fn every_kind_survives_the_wire() {
    for body in bodies() {
        let event = Event { id: EventId { boot: 77, seq: Seq(3) }, at: UtcMillis(-4), body };
        let bytes = to_wire(&event).encode_to_vec();
        let back = from_wire(77, v1::Event::decode(&bytes[..]).unwrap()).unwrap();
        assert_eq!(back, event);
    }
}

#[track_caller]
fn refused(change: impl Fn(&mut v1::Event), want: &str) {
    for body in bodies() {
        let event = Event { id: EventId { boot: 1, seq: Seq(1) }, at: UtcMillis(0), body };
        let mut message = to_wire(&event);
        change(&mut message);
        if let Err(err) = from_wire(1, message) {
            assert_eq!(err.to_string(), want);
            return;
        }
    }
    panic!("nothing was refused");
}

#[test]
fn foreign_values_are_refused_by_name() {
    refused(|m| m.body = None, "body: is missing or of a newer contract");
    refused(
        |m| {
            if let Some(Body::LineCrossing(c)) = &mut m.body {
                c.road_user = 99;
            }
        },
        "line_crossing.road_user: 99 is not known",
    );
    refused(
        |m| {
            if let Some(Body::MinuteCounts(c)) = &mut m.body {
                c.minute_ms += 1;
            }
        },
        "minute_counts.minute_ms: 1700000040001 is not the begin of a minute",
    );
    refused(
        |m| {
            if let Some(Body::MinuteCounts(c)) = &mut m.body {
                c.watched_ms = 60_001;
            }
        },
        "minute_counts.watched_ms: 60001 is not within 0 and 60000",
    );
    refused(
        |m| {
            if let Some(Body::Fix(f)) = &mut m.body {
                f.lat = 91.0;
            }
        },
        "fix.lat: 91, 105.8342 is not on the earth",
    );
    refused(
        |m| {
            if let Some(Body::CameraState(c)) = &mut m.body {
                c.camera = "a/b".into();
            }
        },
        "camera_state.camera: camera id \"a/b\" is not an id: 1 to 64 of a-z, 0-9, '_' and '-'",
    );
    let rule = |change: fn(&mut v1::RuleEvent)| {
        move |m: &mut v1::Event| {
            if let Some(Body::Rule(r)) = &mut m.body {
                change(r);
            }
        }
    };
    refused(rule(|r| r.phase = 9), "rule.phase: 9 is not known");
    refused(rule(|r| r.way_from = Some("a".into())), "rule.way_to: is missing beside way_from");
    let measure = |what, value| vec![v1::Measure { what, value }];
    refused(
        move |m| {
            if let Some(Body::Rule(r)) = &mut m.body {
                r.measures = measure(99, 1.0);
            }
        },
        "rule.measures.what: 99 is not known",
    );
    refused(
        move |m| {
            if let Some(Body::Rule(r)) = &mut m.body {
                r.measures = measure(1, f64::NAN);
            }
        },
        "rule.measures.value: NaN is no number",
    );
}

#[test]
fn a_hash_that_is_none_is_refused() {
    refused(
        |m| {
            if let Some(Body::RedLight(r)) = &mut m.body {
                r.stills[1].sha256.pop();
            }
        },
        "red_light.stills.sha256: 31 bytes instead of 32",
    );
}

/// A gateway that knows no phases tells of moments.
#[test]
fn a_rule_event_without_a_phase_is_a_moment() {
    let old = v1::RuleEvent { camera: "c".into(), rule: "intrusion".into(), ..Default::default() };
    let event = from_wire(1, v1::Event { seq: 1, at_ms: 2, body: Some(Body::Rule(old)) }).unwrap();
    assert_eq!(event.body.kind(), "rule");
}
