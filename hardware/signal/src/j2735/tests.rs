//! Messages of real roadside units and what other decoders make of them, every prefix of them, and nonsense.

use super::map::{Layer, MapData};
use super::nodes::{Nodes, Offset};
use super::states::{PhaseState, Spat};
use super::*;

/// Intersection 12111 of Denver, published with its decoding by the open-source ITS operational data environment of the US DOT
/// (Apache 2.0).
const SPAT_HEX: &str = "001338000817a780000089680500204642b342b34802021a15a955a940181190acd0acd20100868555c555c00104342aae2aae002821a155715570";

/// Intersection 12110 and its 28 lanes, of the same source.
const MAP_HEX: &str = include_str!("map_12110.hex");

pub fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim();
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn spat() -> Spat {
    let Message::Spat(spat) = decode(&bytes(SPAT_HEX)).unwrap() else { panic!("no SPAT") };
    spat
}

fn map() -> MapData {
    let Message::Map(map) = decode(&bytes(MAP_HEX)).unwrap() else { panic!("no MAP") };
    *map
}

#[test]
fn a_real_spat_reads_as_others_read_it() {
    let spat = spat();
    assert_eq!((spat.minute, spat.intersections.0.len()), (None, 1));
    let state = &spat.intersections.0[0];
    assert_eq!((state.id.region, state.id.id, state.revision), (None, 12_111, 0));
    assert_eq!((state.minute, state.millisecond), (None, Some(35_176)));
    let told: Vec<(u8, PhaseState, u16, u16)> = state
        .states
        .0
        .iter()
        .map(|movement| {
            let event = &movement.events.0[0];
            let timing = event.timing.as_ref().unwrap();
            (movement.signal_group, event.state, timing.earliest_end.0, timing.latest_end.unwrap().0)
        })
        .collect();
    let (go, stop) = (PhaseState::ProtectedMovementAllowed, PhaseState::StopAndRemain);
    assert_eq!(
        told,
        [
            (2, go, 22_120, 22_121),
            (4, stop, 22_181, 22_181),
            (6, go, 22_120, 22_121),
            (8, stop, 21_852, 21_852),
            (1, stop, 21_852, 21_852),
            (5, stop, 21_852, 21_852),
        ]
    );
    assert_eq!(encode_spat(&spat).unwrap(), bytes(SPAT_HEX));
}

#[test]
fn a_real_map_reads_as_others_read_it() {
    let map = map();
    assert_eq!((map.revision, map.layer, map.layer_id), (0, Some(Layer::IntersectionData), Some(0)));
    let geometry = &map.intersections.as_ref().unwrap().0[0];
    assert_eq!((geometry.id.id, geometry.lane_width), (12_110, Some(366)));
    let at = &geometry.reference;
    assert_eq!((at.lat, at.lon, at.elevation), (395_952_649, -1_050_914_122, Some(16_770)));
    let lanes = &geometry.lanes.0;
    let ids: Vec<u8> = lanes.iter().map(|lane| lane.id).collect();
    assert_eq!(
        ids,
        [
            2, 3, 1, 4, 6, 5, 7, 12, 13, 10, 9, 11, 8, 15, 16, 17, 14, 18, 19, 20, 23, 22, 21, 24, 25, 26,
            27, 28
        ]
    );
    let points = |index: usize| -> Vec<(i16, i16, Option<i16>)> {
        let Nodes::Set(set) = &lanes[index].nodes else { panic!("computed") };
        let point = |node: &super::nodes::Node| {
            let Offset::Xy6(xy) = &node.delta else { panic!("{node:?}") };
            (xy.x, xy.y, node.attributes.as_ref().and_then(|attributes| attributes.elevation))
        };
        set.0.iter().map(point).collect()
    };
    assert_eq!(
        points(0),
        [
            (2_225, 808, Some(-10)),
            (10_517, -161, Some(-60)),
            (2_769, 112, Some(-10)),
            (6_142, -180, Some(-30)),
            (6_636, -12, Some(-20)),
            (3_804, -7, None),
        ]
    );
    assert_eq!(points(27), [(1_591, 1_874, Some(10)), (-14, 346, None), (0, 7, None)]);
    let to = |index: usize| {
        let connection = &lanes[index].connects_to.as_ref().unwrap().0[0];
        (connection.to.lane, connection.signal_group, connection.id)
    };
    assert_eq!((to(0), to(2), to(24)), ((19, Some(4), Some(1)), (28, None, Some(1)), (5, Some(5), Some(1))));
    assert_eq!((lanes[0].ingress, lanes[0].egress, lanes[4].egress), (Some(1), None, Some(2)));
    assert!(lanes[24].maneuvers.unwrap()[1] && !lanes[24].maneuvers.unwrap()[0], "left, and not straight on");
    assert_eq!(encode_map(&map).unwrap(), bytes(MAP_HEX));
}

/// A frame says how long it is: no part of it is one.
#[test]
fn no_prefix_is_a_message() {
    for whole in [bytes(SPAT_HEX), bytes(MAP_HEX)] {
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn what_is_damaged_or_made_up_never_panics() {
    let (mut read, mut refused) = (0, 0);
    let mut count = |bytes: &[u8]| match decode(bytes) {
        // What can be read can be written and read again.
        Ok(Message::Spat(spat)) => {
            let again = encode_spat(&spat).unwrap();
            assert_eq!(decode(&again), Ok(Message::Spat(spat)));
            read += 1;
        }
        Ok(Message::Map(map)) => {
            let again = encode_map(&map).unwrap();
            assert_eq!(decode(&again), Ok(Message::Map(map)));
            read += 1;
        }
        Ok(Message::Other(_)) => read += 1,
        Err(_) => refused += 1,
    };
    for whole in [bytes(SPAT_HEX), bytes(MAP_HEX)] {
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            count(&damaged);
        }
    }
    // xorshift: chance that is the same at every run.
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance
    };
    for round in 0..20_000 {
        let length = usize::try_from(next() % 120).unwrap();
        let mut made: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[0]).collect();
        if round % 2 == 0 && length > 3 {
            let id = if round % 4 == 0 { 19 } else { 18 };
            made[..3].copy_from_slice(&[0, id, u8::try_from(length - 3).unwrap()]);
        }
        count(&made);
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
    assert_eq!(decode(&vec![0; MESSAGE_MAX + 1]), Err(BadMessage::TooLong));
}

#[test]
fn what_is_outside_the_standards_bounds_is_not_written() {
    let mut odd = spat();
    odd.intersections.0[0].revision = 200;
    assert!(matches!(encode_spat(&odd), Err(BadMessage::Write("SPAT", _))));
    let mut none = spat();
    none.intersections.0.clear();
    assert!(encode_spat(&none).is_err());
}
