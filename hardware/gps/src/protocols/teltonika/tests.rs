//! Packets made for this project from the maker's description of its codecs.

use super::super::testing::{finds_back, lines, lines_with_warnings, survives, told};
use super::super::{Order, Session, Source};
use super::{PROTOCOL, encode};
use crate::protocols::bytes::crc16_arc;

fn packet(data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).expect("short").to_be_bytes();
    let sum = u32::from(crc16_arc(data)).to_be_bytes();
    [&[0; 4][..], &size, data, &sum].concat()
}

fn login() -> Vec<u8> {
    [&[0, 15][..], b"352093081452251"].concat()
}

/// Near the Turtle Tower on 2025-05-14 at 14:12:38, 12 m, course 90, 8 satellites, 36 km/h.
fn position() -> Vec<u8> {
    let mut bytes = 1_747_231_958_000_u64.to_be_bytes().to_vec();
    bytes.push(0);
    bytes.extend(1_058_520_000_i32.to_be_bytes());
    bytes.extend(210_280_000_i32.to_be_bytes());
    bytes.extend([0, 12, 0, 90, 8, 0, 36]);
    bytes
}

const FIX: &str = "352093081452251 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";

#[track_caller]
fn check(message: &[u8], want: &[&str]) {
    let input = [login(), message.to_vec()].concat();
    let want: Vec<_> = [&["login 01"], want].concat();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &input), want);
    survives(&PROTOCOL, message);
    for end in 1..message.len() {
        let cut = lines(&PROTOCOL, &mut Session::default(), &message[..end]);
        assert!(cut.is_empty(), "cut at {end}: {cut:?}");
    }
}

fn codec_8() -> Vec<u8> {
    let io = [1, 4, 1, 239, 1, 1, 66, 0x5e, 0x0f, 1, 16, 0, 0, 0, 9, 1, 78, 0, 0, 0, 0, 0, 0, 0, 1];
    packet(&[&[8, 2][..], &position(), &io, &position(), &[0, 0, 0, 0, 0, 0], &[2]].concat())
}

#[test]
fn codec_8_twice() {
    check(&codec_8(), &["positions 00000002", FIX, FIX]);
}

#[test]
fn codec_8_with_values_of_16_bytes() {
    let io = [&[0, 2, 0, 1, 24, 0, 72, 0, 0, 1, 203][..], &[7; 16]].concat();
    let data = [&[8, 2][..], &position(), &io, &position(), &io, &[2]].concat();
    // Of these devices, value 24 goes before the speed beside the position.
    let fast = FIX.replace("36.0", "72.0");
    check(&packet(&data), &["positions 00000002", &fast, &fast]);
}

#[test]
fn codec_8_extended_and_16() {
    let io = [1, 1, 0, 3, 0, 1, 0, 239, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 3, 7, 7, 7];
    check(&packet(&[&[0x8e, 1][..], &position(), &io, &[1]].concat()), &["positions 00000001", FIX]);
    let io = [0, 11, 5, 2, 1, 0, 239, 1, 1, 0, 66, 0x5e, 0x0f, 0, 0];
    check(&packet(&[&[0x10, 1][..], &position(), &io, &[1]].concat()), &["positions 00000001", FIX]);
}

#[test]
fn codec_7() {
    let mut data = vec![7, 2];
    data.extend(((1_747_231_958_u32 - 1_167_609_600) | 1 << 30).to_be_bytes());
    data.extend([0x03, 0x1f]);
    data.extend(21.028_f32.to_be_bytes());
    data.extend(105.852_f32.to_be_bytes());
    data.extend([0, 12, 64, 36, 8, 1, 2, 0]);
    // The second has no position, only a value of four bytes.
    data.extend(1_000_u32.to_be_bytes());
    data.extend([0x08, 1, 5, 0, 0, 0, 1, 2]);
    check(&packet(&data), &["positions 00000002", FIX]);
}

#[test]
fn datagrams_name_the_device_and_are_answered_by_number() {
    let body = [&[8, 1][..], &position(), &[0; 6], &[1]].concat();
    let rest = [&[0xca, 0xfe, 1, 5, 0, 15][..], b"352093081452251", &body].concat();
    let datagram = [&u16::try_from(rest.len()).expect("short").to_be_bytes(), &rest[..]].concat();
    let mut session = Session { source: Source::Datagram, ..Session::default() };
    assert_eq!(lines(&PROTOCOL, &mut session, &datagram), ["positions 0005cafe010501", FIX]);
    survives(&PROTOCOL, &datagram);
}

#[test]
fn a_record_that_cannot_be_is_acknowledged_with_the_others() {
    let (mut never, mut off) = (position(), position());
    never[0] = 0xff;
    off[13..17].copy_from_slice(&910_000_000_i32.to_be_bytes());
    let io = [0; 6];
    let data = [&[8, 3][..], &never, &io, &off, &io, &position(), &io, &[3]].concat();
    check(&packet(&data), &["positions 00000003", FIX]);
    let got = lines_with_warnings(&PROTOCOL, &mut Session::default(), &packet(&data));
    let why = "warning: 2 of 3 positions left out, the first because: a time beyond all calendars";
    assert_eq!(got.last().map(String::as_str), Some(why));
    // Of codec 7, latitude and longitude alone.
    let record =
        |lat: f32| [&[0, 0, 0, 0, 1, 1][..], &lat.to_be_bytes(), &105.852_f32.to_be_bytes()].concat();
    let data = [&[7, 2][..], &record(91.0), &record(21.028), &[2]].concat();
    let got = lines_with_warnings(&PROTOCOL, &mut Session::default(), &packet(&data));
    let why = "warning: 1 of 2 positions left out, the first because: position 91, ";
    assert!(got[0] == "positions 00000002" && got[2].starts_with(why), "{got:?}");
}

#[test]
fn what_is_framed_well_and_cannot_be_read_is_acknowledged() {
    // The first record ends too early; and a codec that nobody has told us of.
    let short = [&[8, 2][..], &position()[..9], &[2]].concat();
    let strange = [0x22, 3, 1, 2, 3];
    let left_out =
        [(&short[..], 2, "the message ends too early"), (&strange[..], 3, "codec 0x22 is not known")];
    for (data, count, why) in left_out {
        check(&packet(data), &[&format!("not readable 0000000{count}")]);
        let got = lines_with_warnings(&PROTOCOL, &mut Session::default(), &packet(data));
        assert_eq!(got, [format!("not readable 0000000{count}"), format!("warning: {why}")]);
        let rest = [&[0xca, 0xfe, 1, 5, 0, 15][..], b"352093081452251", data].concat();
        let datagram = [&u16::try_from(rest.len()).expect("short").to_be_bytes(), &rest[..]].concat();
        let mut session = Session { source: Source::Datagram, ..Session::default() };
        let got = lines(&PROTOCOL, &mut session, &datagram);
        assert_eq!(got, [format!("not readable 0005cafe01050{count}")]);
        survives(&PROTOCOL, &datagram);
        // Nobody waits for what is answered to a recording.
        let mut session = Session { source: Source::Recording, ..Session::default() };
        assert_eq!(lines(&PROTOCOL, &mut session, &packet(data)), [format!("bad: {why}")]);
    }
    // How many records it was is not known: two numbers are told.
    let got = lines(&PROTOCOL, &mut Session::default(), &packet(&[0x22, 3, 1, 2, 4]));
    assert_eq!(got, ["bad: codec 0x22 is not known"]);
}

#[test]
fn what_stands_before_an_unreadable_record_is_kept() {
    let data = [&[8, 3][..], &position(), &[0; 6], &position()[..9], &[3]].concat();
    check(&packet(&data), &["positions 00000003", FIX]);
    let got = lines_with_warnings(&PROTOCOL, &mut Session::default(), &packet(&data));
    let why = "warning: 2 of 3 positions left out, the first because: the message ends too early";
    assert_eq!(got.last().map(String::as_str), Some(why));
    // Where nobody waits for an answer, or it is not known which, nothing is taken.
    let mut session = Session { source: Source::Recording, ..Session::default() };
    assert_eq!(lines(&PROTOCOL, &mut session, &packet(&data)), ["bad: the message ends too early"]);
}

#[test]
fn without_satellites_a_position_is_not_valid() {
    let mut still = position();
    still[21] = 0;
    let data = [&[8, 1][..], &still, &[0; 6], &[1]].concat();
    check(&packet(&data), &["positions 00000001", &format!("{FIX} not valid")]);
}

#[test]
fn answers_and_orders() {
    let answer = packet(&[&[12, 1, 6, 0, 0, 0, 7][..], b"DOUT1:1", &[1]].concat());
    check(&answer, &["answer to a command", "answered: DOUT1:1"]);
    // With the IMEI and, in codec 15, the time before it.
    let imei = [0x03, 0x52, 0x09, 0x30, 0x81, 0x45, 0x22, 0x51];
    let answer = packet(&[&[14, 1, 6, 0, 0, 0, 15][..], &imei, b"DOUT1:1", &[1]].concat());
    check(&answer, &["answer to a command", "answered: DOUT1:1"]);
    let answer = packet(&[&[15, 1, 11, 0, 0, 0, 19, 0x68, 0x24, 0, 0][..], &imei, b"DOUT1:1", &[1]].concat());
    check(&answer, &["answer to a command", "answered: DOUT1:1"]);
    let order = encode(&Session::default(), &Order::Text("setdigout 11".to_owned()), 1).expect("an order");
    assert_eq!(order, packet(&[&[12, 1, 5, 0, 0, 0, 12][..], b"setdigout 11", &[1]].concat()));
    let by_datagram = Session { source: Source::Datagram, ..Session::default() };
    assert!(encode(&by_datagram, &Order::Locate, 1).is_err_and(|why| why.contains("report by TCP")));
}

#[test]
fn damage_says_why_and_is_left_behind() {
    let mut broken = codec_8();
    broken[20] ^= 1;
    let got = lines(&PROTOCOL, &mut Session::default(), &broken);
    assert!(got[0].starts_with("bad: checksum 0x"), "{}", got[0]);
    finds_back(&PROTOCOL, &codec_8());
}

#[test]
fn inputs_that_tell_of_the_vehicle() {
    let io = [236, 5, 2, 239, 1, 236, 1, 1, 90, 1, 0, 0, 1, 78, 1, 0, 0, 0x1d, 0x2e, 0x3f, 0, 9];
    let off = [0, 2, 1, 239, 0, 1, 90, 0, 0, 0, 0];
    let data = [&[8, 2][..], &position(), &io, &position(), &off, &[2]].concat();
    let want = ["doors open, engine on, sos, 0100001d2e3f0009", "doors shut, engine off"];
    assert_eq!(told(&PROTOCOL, &[login(), packet(&data)].concat()), want);
    // Codec 8E: numbers and counts of two bytes.
    let io = [0, 0, 0, 1, 0, 1, 0, 239, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let data = [&[0x8e, 1][..], &position(), &io, &[1]].concat();
    assert_eq!(told(&PROTOCOL, &[login(), packet(&data)].concat()), ["engine on"]);
    survives(&PROTOCOL, &packet(&data));
}
