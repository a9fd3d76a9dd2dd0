//! Messages made for this project, byte by byte as JT/T 808 lays them out.

use super::super::testing::{finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Order, Session, Source, Zones};
use super::PROTOCOL;
use super::frame::sealed;
use super::orders;

const PHONE: [u8; 6] = [0x01, 0x39, 0x12, 0x34, 0x56, 0x78];

fn message(kind: u16, serial: u16, body: &[u8]) -> Vec<u8> {
    packet(kind, serial, None, body)
}

fn packet(kind: u16, serial: u16, of: Option<(u16, u16)>, body: &[u8]) -> Vec<u8> {
    let flag = if of.is_some() { 1 << 13 } else { 0 };
    let attributes = u16::try_from(body.len()).expect("short") | flag;
    let mut bytes = [kind.to_be_bytes(), attributes.to_be_bytes()].concat();
    bytes.extend(PHONE);
    bytes.extend(serial.to_be_bytes());
    if let Some((total, index)) = of {
        bytes.extend([total.to_be_bytes(), index.to_be_bytes()].concat());
    }
    bytes.extend_from_slice(body);
    sealed(false, bytes)
}

/// By the Turtle Tower on 2025-05-14 at 21:12:38 +07:00, 36 km/h, course 90, 12 m, valid. The longitude holds 7e and 7d.
fn location() -> Vec<u8> {
    let mut body = [0_u32.to_be_bytes(), 3_u32.to_be_bytes()].concat();
    body.extend(21_028_000_u32.to_be_bytes());
    body.extend([0x06, 0x4f, 0x7e, 0x7d]);
    body.extend([0, 12, 1, 0x68, 0, 90, 0x25, 5, 0x14, 0x21, 0x12, 0x38]);
    body
}

const FIX: &str = "13912345678 1747231958000 21.02800,105.87302 36.0 km/h Some(90.0) Some(12.0)";

fn answer(serial: u16, kind: u16) -> String {
    let body = [&serial.to_be_bytes()[..], &kind.to_be_bytes(), &[0]].concat();
    hex(&message(0x8001, 0, &body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[track_caller]
fn check(messages: &[Vec<u8>], want: &[&str]) {
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &messages.concat()), want);
    for message in messages {
        survives(&PROTOCOL, message);
        for end in 1..message.len() {
            assert!(lines(&PROTOCOL, &mut Session::default(), &message[..end]).is_empty(), "cut at {end}");
        }
    }
}

#[test]
fn registration_authentication_heartbeat() {
    let code = [&[0, 1, 0][..], b"13912345678"].concat();
    check(
        &[message(0x0100, 1, &[0; 37]), message(0x0102, 2, b"13912345678"), message(0x0002, 3, &[])],
        &[
            &format!("registration {}", hex(&message(0x8100, 0, &code))),
            &format!("authentication {}", answer(2, 0x0102)),
            &format!("heartbeat {}", answer(3, 0x0002)),
        ],
    );
}

#[test]
fn positions() {
    let items = [location(), vec![1, 4, 0, 0, 0, 9, 0x30, 1, 20]].concat();
    let position = format!("position {}", answer(0x7d7e, 0x0200));
    check(&[message(0x0200, 0x7d7e, &items)], &[&position, FIX]);
    check(
        &[message(0x0201, 5, &[&[0, 1][..], &location()].concat())],
        &["position", "answered: position", FIX],
    );
    check(
        &[message(0x0500, 5, &[&[0, 1][..], &location()].concat())],
        &["position", "answered: position", FIX],
    );
    let mut south_west = location();
    south_west[7] = 0x0c;
    let fix = FIX.replace("21.02800,105", "-21.02800,-105") + " not valid";
    check(&[message(0x0200, 0x7d7e, &south_west)], &[&position, &fix]);
}

#[test]
fn photographs_say_where_they_were_taken() {
    let head = [0, 0, 0, 9, 0, 0, 1, 2];
    let photograph = |serial: u16| format!("photograph {}", answer(serial, 0x0801));
    check(&[message(0x0801, 7, &[&head[..], &location(), &[0xff, 0xd8]].concat())], &[&photograph(7), FIX]);
    // In packets, the place is in the first.
    let parts = [
        packet(0x0801, 8, Some((2, 1)), &[&head[..], &location(), &[0xff, 0xd8]].concat()),
        packet(0x0801, 9, Some((2, 2)), &[0xff, 0xd9]),
    ];
    check(&parts, &[&photograph(8), FIX, &format!("part of a photograph {}", answer(9, 0x0801))]);
    // Of 2011, without a place.
    let picture = [0xff, 0xd8, 0xff, 0xe0].repeat(9);
    check(&[message(0x0801, 7, &[&head[..], &picture].concat())], &[&photograph(7)]);
}

#[test]
fn batches() {
    let item = [&[0, 28][..], &location()].concat();
    let body = [&[0, 2, 1][..], &item, &item].concat();
    check(&[message(0x0704, 7, &body)], &[&format!("positions {}", answer(7, 0x0704)), FIX, FIX]);
    let body = [&[28][..], &location()].concat();
    check(&[message(0x0210, 7, &body)], &[&format!("positions {}", answer(7, 0x0210)), FIX]);
    let battery = [0x4f, 0x25, 5, 0x14, 0x21, 0x12, 0x38];
    check(&[message(0x0210, 7, &battery)], &[&format!("positions {}", answer(7, 0x0210))]);
}

#[test]
fn versions_since_2019_have_ten_bytes_of_phone_number() {
    let phone = [0, 0, 0, 0, 0x01, 0x39, 0x12, 0x34, 0x56, 0x78];
    let header = |kind: u16, body: &[u8]| {
        let attributes = u16::try_from(body.len()).expect("short") | 1 << 14;
        [&kind.to_be_bytes()[..], &attributes.to_be_bytes(), &[1], &phone].concat()
    };
    let report = sealed(false, [&header(0x0200, &location())[..], &[0, 9], &location()].concat());
    let body = [0, 9, 2, 0, 0];
    let answer = sealed(false, [&header(0x8001, &body)[..], &[0, 0], &body].concat());
    check(&[report], &[&format!("position {}", hex(&answer)), FIX]);
}

#[test]
fn a_message_in_packets_is_acknowledged_when_it_is_whole() {
    let item = [&[0, 28][..], &location()].concat();
    let body = [&[0, 2, 1][..], &item, &item].concat();
    let (one, two) = body.split_at(20);
    let answers = format!("positions {}{}", answer(7, 0x0704), answer(8, 0x0704));
    let (first, second) = (packet(0x0704, 7, Some((2, 1)), one), packet(0x0704, 8, Some((2, 2)), two));
    check(&[first.clone(), second.clone()], &["part of a message", &answers, FIX, FIX]);
    check(&[second, first], &["part of a message", &answers, FIX, FIX]);
    let long = |length: usize| packet(0x0704, 7, Some((2, 1)), &vec![9_u8; length]);
    let got = [1023, 1024].map(|length| lines(&PROTOCOL, &mut Session::default(), &long(length)));
    let why = "bad: kind 0704: a packet of 1024 bytes; the header can say 1023";
    assert_eq!(got, [["part of a message"], [why]]);
}

#[test]
fn a_large_photograph_is_acknowledged_packet_by_packet() {
    let head = [&[0, 0, 0, 1, 0, 0, 0, 1][..], &location(), &[0xff, 0xd8]].concat();
    let packets = [
        packet(0x0801, 7, Some((200, 1)), &head),
        packet(0x0801, 8, Some((200, 2)), &[9; 40]),
        packet(0x0801, 206, Some((200, 200)), &[9; 40]),
    ];
    let part = |serial| format!("part of a photograph {}", answer(serial, 0x0801));
    check(&packets, &[&format!("photograph {}", answer(7, 0x0801)), FIX, &part(8), &part(206)]);
    let beyond = packet(0x0801, 9, Some((200, 201)), &[9; 40]);
    let got = lines(&PROTOCOL, &mut Session::default(), &beyond);
    assert_eq!(got, ["bad: kind 0801: packet 201 of 200; at most 64 are taken"]);
}

#[test]
fn another_message_of_too_many_packets_is_acknowledged_and_left_out() {
    let packets = [
        packet(0x0704, 7, Some((65, 1)), &[9; 40]),
        packet(0x0704, 8, Some((65, 2)), &[9; 40]),
        // An answer to what a platform asked: nobody waits for one to it.
        packet(0x0104, 9, Some((65, 3)), &[9; 40]),
        message(0x0200, 10, &location()),
    ];
    let acknowledged = |serial| format!("part of a message {}", answer(serial, 0x0704));
    let left_out = |kind, index| format!("warning: kind {kind}: packet {index} of 65; at most 64 are taken");
    let want = [
        acknowledged(7),
        left_out("0704", 1),
        acknowledged(8),
        left_out("0704", 2),
        "part of a message".to_owned(),
        left_out("0104", 3),
        format!("position {}", answer(10, 0x0200)),
        FIX.to_owned(),
    ];
    check(&packets, &want.each_ref().map(String::as_str));
    let numbers = [(65, 0), (65, 66)].map(|of| packet(0x0704, 7, Some(of), &[9; 40]));
    let got = lines(&PROTOCOL, &mut Session::default(), &numbers.concat());
    let bad = |index| format!("bad: kind 0704: packet {index} of 65; at most 64 are taken");
    assert_eq!(got, [bad(0), bad(66)]);
}

#[test]
fn time_is_told() {
    let body = [&2024_u16.to_be_bytes()[..], &[12, 31, 23, 59, 59, 0]].concat();
    let want = format!("request for the time {}", hex(&message(0x8109, 0, &body)));
    check(&[message(0x0109, 4, &[])], &[&want]);
    let want = format!("request for the time {}", hex(b"(740190311185,1,001,BASE,2,20241231235959)"));
    check(&[b"(740190311185,1,001,BASE,2,TIME)".to_vec()], &[&want]);
    // Once: an answer of many times would be a long one, sent to whoever the datagram says it is from.
    let want = format!("request for the time {}", hex(b"(BASE,2,20241231235959TIMETIME)"));
    check(&[b"(BASE,2,TIMETIMETIME)".to_vec()], &[&want]);
}

#[test]
fn short_reports_of_locks() {
    // 14 May 2025 14:12:38 UTC, 21 deg 1.6800', 105 deg 52.3813', valid north east, 5 knots, course 90.
    let body = [0x14, 5, 0x25, 0x14, 0x12, 0x38, 0x21, 1, 0x68, 0, 0x10, 0x55, 0x23, 0x81, 0x37, 5, 45];
    let header = |kind: u16, attributes: u16| [kind.to_be_bytes(), attributes.to_be_bytes()].concat();
    let report = sealed(false, [&header(0x5501, 0x8011)[..], &PHONE, &[9], &body].concat());
    let answer = sealed(false, [&header(0x4401, 3)[..], &PHONE, &[1, 0x55, 1, 0]].concat());
    let fix = "13912345678 1747231958000 21.02800,105.87302 9.3 km/h Some(90.0) None";
    check(&[report], &[&format!("position {}", hex(&answer)), fix]);
}

#[test]
fn transparent_data_with_a_place() {
    let place = &location()[4..16];
    let date = [0x25, 5, 0x14, 0x21, 0x12, 0x38];
    let event = [&[0xf0][..], &date, &[1, 2, 3, 1, 0x38, 0], place].concat();
    let got = lines(&PROTOCOL, &mut Session::default(), &message(0x0900, 1, &event));
    assert_eq!(got[1], "13912345678 1747231958000 21.02800,105.87302 0.0 km/h None None");
    survives(&PROTOCOL, &message(0x0900, 1, &event));
    let tags = [&[0x53][..], &location()[4..], &[0]].concat();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &message(0x0900, 1, &tags))[1], FIX);
}

#[test]
fn other_delimiter_other_escapes() {
    let attributes = u16::try_from(location().len()).expect("short").to_be_bytes();
    let header = [&[2, 0][..], &attributes, &[0], &PHONE, &[0x3e, 0xe7]].concat();
    let report = sealed(true, [header, location()].concat());
    let got = lines(&PROTOCOL, &mut Session::default(), &report);
    assert_eq!(got[1], FIX);
    survives(&PROTOCOL, &report);
}

#[test]
fn numbers_that_are_no_digits_are_an_imei_in_binary() {
    let mut bytes = [&[0, 2, 0, 0][..], &PHONE, &[0, 1]].concat();
    // 35609110012345 and its check digit 3.
    bytes[4..10].copy_from_slice(&35_609_110_012_345_u64.to_be_bytes()[2..]);
    let mut session = Session::default();
    lines(&PROTOCOL, &mut session, &sealed(false, bytes));
    assert_eq!(session.device.as_deref(), Some("356091100123453"));
}

#[test]
fn recordings_with_escapes_undone_are_read() {
    let escaped = message(0x0200, 0x7d01, &location());
    let plain = [&[2, 0, 0, 28][..], &PHONE, &[0x7d, 1], &location()].concat();
    let sum = plain.iter().fold(0, |sum, b| sum ^ b);
    let plain = [&[0x7e][..], &plain, &[sum, 0x7e]].concat();
    for bytes in [escaped, plain] {
        let got = lines(&PROTOCOL, &mut Session { source: Source::Recording, ..Session::default() }, &bytes);
        assert_eq!(got[1], FIX);
    }
}

#[test]
fn damage_says_why() {
    let mut broken = message(0x0200, 1, &location());
    broken[12] ^= 1;
    let mut off = location();
    off[8] = 0x7f;
    let mut date = location();
    date[23] = 0x1a;
    let no_date = [&location()[..22], &[0; 6]].concat();
    let all = [
        b"$$".to_vec(),
        broken,
        message(0x0200, 1, &off),
        message(0x0200, 2, &date),
        message(0x0200, 3, &no_date),
        message(0x0200, 4, &location()[..20]),
    ];
    let got = lines(&PROTOCOL, &mut Session::default(), &all.concat());
    let acknowledged = |serial| format!("position {}", answer(serial, 0x0200));
    assert_eq!(got[0], "bad: 2 bytes before a delimiter");
    assert!(got[1].starts_with("bad: checksum 0x"), "{}", got[1]);
    // Nothing of the rest can be used, and all of it would come again if it were not acknowledged.
    assert_eq!(got[2], acknowledged(1));
    assert!(got[3].starts_with("warning: kind 0200: position 2134."), "{}", got[3]);
    assert_eq!(got[4], acknowledged(2));
    assert_eq!(got[5], "warning: kind 0200: byte 0x1a is not two decimal digits");
    assert_eq!(got[6..8], [acknowledged(3), acknowledged(4)]);
    assert_eq!(got[8..], ["warning: kind 0200: the message ends too early"]);
}

#[test]
fn a_batch_is_acknowledged_whatever_is_in_it() {
    let mut off = location();
    off[8] = 0x7f;
    let item = |place: &[u8]| [&[0, 28][..], place].concat();
    let batch = |items: &[&[u8]]| message(0x0704, 7, &[&[0, 2, 1][..], &items.concat()].concat());
    let acknowledged = format!("positions {}", answer(7, 0x0704));
    let told = |batch: &[u8]| {
        let got = lines(&PROTOCOL, &mut Session::default(), batch);
        assert_eq!(got[0], acknowledged);
        got[1..].to_vec()
    };
    let got = told(&batch(&[&item(&off), &item(&off)]));
    assert!(got[0].starts_with("warning: kind 0704: 2 of 2 positions left out"), "{got:?}");
    let mixed = batch(&[&item(&off), &item(&location())]);
    let got = told(&mixed);
    assert_eq!(got[0], FIX);
    assert!(got[1].starts_with("warning: kind 0704: 1 of 2 positions left out"), "{got:?}");
    // Cut off behind a sound one.
    let got = told(&batch(&[&item(&location()), &item(&location())[..9]]));
    assert_eq!(got[0], FIX);
    assert!(got[1].ends_with("the message ends too early"), "{got:?}");
    survives(&PROTOCOL, &mixed);
}

#[test]
fn a_card_that_cannot_be_read_is_acknowledged_and_names_nobody() {
    let mut session = Session { driver: Some("790012345678".to_owned()), ..Session::default() };
    let got = lines(&PROTOCOL, &mut session, &message(0x0702, 5, &[1, 0x25, 5]));
    let want =
        [format!("driver {}", answer(5, 0x0702)), "warning: kind 0702: the message ends too early".into()];
    assert_eq!(got, want);
    assert_eq!(session.driver, None);
}

#[test]
fn a_device_may_have_a_zone_of_its_own() {
    let by_device = [("13912345678".to_owned(), "+08:00".parse().expect("a zone"))].into();
    let zones = Zones { by_device: std::sync::Arc::new(by_device), otherwise: "+07:00".parse().ok() };
    let mut session = Session { zones, ..Session::default() };
    let got = lines(&PROTOCOL, &mut session, &message(0x0200, 1, &location()));
    assert_eq!(got[1], FIX.replace("1747231958000", "1747228358000"));
}

#[test]
fn it_finds_back_after_noise() {
    finds_back(&PROTOCOL, &message(0x0200, 1, &location()));
}

#[test]
fn orders_and_answers() {
    let mut session = Session::default();
    assert!(orders::encode(&session, &Order::Locate, 5).is_err());
    lines(&PROTOCOL, &mut session, &message(0x0002, 3, &[]));
    let order = |order| orders::encode(&session, &order, 5).expect("an order");
    assert_eq!(order(Order::Locate), message(0x8201, 5, &[]));
    let interval = [1, 0, 0, 0, 0x29, 4, 0, 0, 0, 30];
    assert_eq!(order(Order::ReportEvery { seconds: 30 }), message(0x8103, 5, &interval));
    assert_eq!(order(Order::Text("Hello".to_owned())), message(0x8300, 5, b"\x0cHello"));
    assert!(orders::encode(&session, &Order::Text("Xin chào".to_owned()), 5).is_err());
    check(&[message(0x0001, 9, &[0, 5, 0x82, 0x01, 0])], &["general answer", "answered: 8201 done"]);
}

#[test]
fn doors_ignition_emergency_and_the_driver() {
    let said = |alarm: u32, status: u32| {
        let mut body = location();
        body[..4].copy_from_slice(&alarm.to_be_bytes());
        body[4..8].copy_from_slice(&status.to_be_bytes());
        message(0x0200, 1, &body)
    };
    // Card in on 2025-05-14, read, "An", its number.
    let mut card = vec![1, 0x25, 5, 0x14, 0x21, 0x12, 0x38, 0, 2, b'A', b'n'];
    card.extend(b"790012345678\0\0\0\0\0\0\0\0");
    let mut out = card.clone();
    out[0] = 2;
    let stored = [&[0, 1, 1][..], &[0, 28], &location()[..28]].concat();
    let day = [
        said(0, 2),
        message(0x0702, 2, &card),
        said(1, 3 | 1 << 13),
        // The driver's own door; and what was stored may be of somebody else.
        said(0, 3 | 1 << 16),
        message(0x0704, 3, &stored),
        message(0x0702, 4, &out),
        said(2, 3 | 1 << 15),
    ];
    let want = [
        "doors shut, engine off",
        "doors open, engine on, sos, 790012345678",
        "doors shut, engine on, 790012345678",
        "doors shut, engine on",
        "doors open, engine on",
    ];
    assert_eq!(told(&PROTOCOL, &day.concat()), want);
    survives(&PROTOCOL, &day[1]);
}
