//! Records and questions go to protobuf bytes and back unchanged; what is not of the contract is refused by name.

use models_domain::count::Direction;
use models_domain::{BBox, Class};
use prost::Message;

use super::*;

fn record() -> TrackRecord {
    let began = 1_700_000_000_000;
    let point = |ms: i64, x, y| PathPoint { at: UtcMillis(began + ms), p: Point::new(x, y) };
    TrackRecord {
        camera: "trang-tien".parse().unwrap(),
        track: TrackId(77),
        class: Class::Motorcycle,
        began: UtcMillis(began),
        ended: UtcMillis(began + 8_400),
        path: vec![point(0, 12.0, 700.0), point(4_000, -3.0, 400.0), point(8_400, 1_200.0, 380.0)],
        lines: vec![LineTouch {
            line: "north".parse().unwrap(),
            direction: Direction::ToLeft,
            at: UtcMillis(began - 20),
        }],
        zones: vec![ZoneTouch {
            zone: "box".parse().unwrap(),
            from: UtcMillis(began + 1_000),
            to: UtcMillis(began + 2_000),
        }],
        best_at: UtcMillis(began + 4_000),
        best_box: BBox::new(1.0, 2.0, 30.0, 60.5),
        best_score: 0.75,
        colour: Some(Colour::Blue),
        mean_speed: Some(MetersPerSecond(8.5)),
    }
}

#[test]
fn a_record_survives_the_wire_and_is_small() {
    for colour in Colour::ALL.map(Some).into_iter().chain([None]) {
        let record = TrackRecord { colour, ..record() };
        let bytes = record_to_wire(9, &record).encode_to_vec();
        assert!(bytes.len() < 160, "{}", bytes.len());
        let row = v1::TrackRow::decode(&bytes[..]).unwrap();
        assert_eq!(row.number, 9);
        assert_eq!(record_from_wire(row).unwrap(), record);
    }
}

fn query() -> TrackQuery {
    TrackQuery {
        cameras: vec!["a".parse().unwrap(), "b".parse().unwrap()],
        classes: vec![Class::Car],
        colours: vec![Colour::Red, Colour::White],
        line: Some("north".parse().unwrap()),
        direction: Some(Direction::ToRight),
        zone: Some("box".parse().unwrap()),
        height_min: Some(10),
        height_max: Some(90),
        after: Some(Cursor { ended: UtcMillis(7), number: 3 }),
        limit: 20,
        ..TrackQuery::new(UtcMillis(5), UtcMillis(50))
    }
}

#[test]
fn a_question_survives_the_wire() {
    for query in [query(), TrackQuery::new(UtcMillis(0), UtcMillis(1))] {
        let bytes = query_to_wire(&query).encode_to_vec();
        assert_eq!(query_from_wire(v1::TrackQuery::decode(&bytes[..]).unwrap()).unwrap(), query);
    }
}

#[track_caller]
fn refused(change: impl Fn(&mut v1::TrackQuery), want: &str) {
    let mut message = query_to_wire(&query());
    change(&mut message);
    assert_eq!(query_from_wire(message).unwrap_err().to_string(), want);
}

#[test]
fn foreign_values_are_refused_by_name() {
    refused(|m| m.to_ms = 5, "to: must be after from");
    refused(|m| m.limit = 0, "limit: 0 is outside 1..=500");
    refused(|m| m.colours.push(0), "colours: 0 is not known");
    refused(|m| m.colours.push(99), "colours: 99 is not known");
    refused(|m| m.road_users.push(7), "road_users: 7 is not known");
    refused(|m| m.direction = Some(3), "direction: 3 is not known");
    refused(
        |m| m.zone = Some("A b".into()),
        "zone: zone id \"A b\" is not an id: 1 to 64 of a-z, 0-9, '_' and '-'",
    );
    let mut row = record_to_wire(1, &record());
    row.path_x.pop();
    let err = record_from_wire(row).unwrap_err().to_string();
    assert_eq!(err, "track.path: has not as many times as places");
}
