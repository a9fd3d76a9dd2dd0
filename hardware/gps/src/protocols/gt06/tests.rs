//! Messages made for this project, byte by byte as makers' manuals lay them out.

use models_domain::UtcMillis;

use super::super::testing::{NOW, finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Decoded, Order, Session, Zones};
use super::PROTOCOL;
use super::frame::{crc16_x25, sealed};
use super::orders;

const IMEI: [u8; 8] = [0x08, 0x64, 0x71, 0x70, 0x03, 0x28, 0x35, 0x81];

fn login() -> Vec<u8> {
    sealed(false, 0x01, &IMEI, 1)
}

/// Near the Turtle Tower on 2025-05-14 at 14:12:38, 36 km/h, course 90, north, east, valid.
fn block() -> Vec<u8> {
    let mut block = vec![25, 5, 14, 14, 12, 38, 0xc9];
    block.extend(37_850_400_u32.to_be_bytes());
    block.extend(190_533_600_u32.to_be_bytes());
    block.extend([36, 0x14, 90]);
    block
}

const FIX: &str = "864717003283581 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";

#[track_caller]
fn check(messages: &[Vec<u8>], want: &[&str]) {
    let input = messages.concat();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &input), want);
    for message in messages {
        survives(&PROTOCOL, message);
    }
    let bytewise = messages.last().expect("a message");
    for end in 1..bytewise.len() {
        let cut = lines(&PROTOCOL, &mut Session::default(), &bytewise[..end]);
        assert!(cut.is_empty(), "cut at {end}: {cut:?}");
    }
}

fn login_line() -> String {
    format!("login {}", hex(&sealed(false, 0x01, &[], 1)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn checksum_of_the_standard() {
    // The check value of CRC-16/X-25 in every catalogue of checksums.
    assert_eq!(crc16_x25(b"123456789"), 0x906e);
}

#[test]
fn positions_of_all_kinds() {
    for kind in [0x10, 0x11, 0x12, 0x22, 0x25, 0x2d, 0x31, 0x37, 0x38, 0xa0] {
        let body = [block(), vec![0, 1, 2, 3]].concat();
        check(&[login(), sealed(false, kind, &body, 7)], &[&login_line(), "position", FIX]);
        check(&[login(), sealed(true, kind, &body, 7)], &[&login_line(), "position", FIX]);
    }
}

#[test]
fn kinds_that_nobody_knows_may_begin_with_a_position() {
    let told = |body: Vec<u8>| {
        let got =
            lines(&PROTOCOL, &mut Session::default(), &[login(), sealed(false, 0x47, &body, 7)].concat());
        got[1..].to_vec()
    };
    assert_eq!(told([block(), vec![9; 5]].concat()), ["position", FIX]);
    let (mut not_valid, mut elsewhere) = (block(), block());
    not_valid[16] &= !0x10;
    elsewhere[7] = 0x40;
    for body in [not_valid, elsewhere, block()[..17].to_vec()] {
        assert_eq!(told(body), ["kind without a position"]);
    }
}

#[test]
fn alarms_are_answered() {
    for kind in [0x16, 0x26, 0x27, 0x32, 0xa3, 0xa4] {
        let answer = format!("position {}", hex(&sealed(false, kind, &[], 9)));
        let alarm = sealed(false, kind, &[block(), vec![0; 9]].concat(), 9);
        check(&[login(), alarm], &[&login_line(), &answer, FIX]);
    }
}

#[test]
fn alarms_of_cameras() {
    let answer = format!("position {}", hex(&sealed(false, 0x95, &[], 9)));
    let block = block();
    let plain = [&block[..6], &block[7..15], &block[16..], &[1, 0, 0]].concat();
    let still = FIX.replace("36.0", "0.0");
    check(&[login(), sealed(false, 0x95, &plain, 9)], &[&login_line(), &answer, &still]);
    let marked = [&[0xff, 0xff, 1], &block[..15], &block[16..], &[0, 36, 0, 120, 0x92]].concat();
    check(&[login(), sealed(false, 0x95, &marked, 9)], &[&login_line(), &answer, FIX]);
    let short = sealed(false, 0x95, &[25, 5, 14, 14, 12, 38, 1], 9);
    check(&[login(), short], &[&login_line(), &answer.replace("position", "alarm")]);
}

#[test]
fn heartbeat_and_time() {
    let heartbeat = sealed(false, 0x13, &[0x46, 6, 4, 0, 1], 0x1234);
    let answer = format!("heartbeat {}", hex(&sealed(false, 0x13, &[], 0x1234)));
    let time = sealed(false, 0x8a, &[], 3);
    let now = hex(&sealed(false, 0x8a, &[24, 12, 31, 23, 59, 59], 3));
    let now = format!("request for the time {now}");
    check(&[heartbeat, time], &[&answer, &now]);
}

#[test]
fn modules_carry_positions() {
    let block = block();
    let at = 1_747_231_958_u32.to_be_bytes();
    let item = [&[0, 0x33, 0, 18][..], &at, &[9, 0, 12], &block[7..]].concat();
    let body = [&[0, 0x28, 0, 1, 7][..], &item].concat();
    let answer = format!("position {}", hex(&sealed(false, 0x70, &[], 5)));
    check(
        &[login(), sealed(true, 0x70, &body, 5)],
        &[&login_line(), &answer, &FIX.replace("None", "Some(12.0)")],
    );
}

#[test]
fn a_device_that_names_itself_needs_no_login() {
    let body = [&[1][..], &IMEI, &block()[..6], &block(), &[0; 6]].concat();
    check(&[sealed(false, 0x22, &body, 1)], &["position", FIX]);
    let body = [&IMEI[..], &block()].concat();
    check(&[sealed(false, 0x61, &body, 1)], &["position", FIX]);
    check(&[sealed(false, 0x12, &body, 1)], &["position", FIX]);
}

#[test]
fn sentences() {
    let text = b"\0\0\0\0\x01Current position!Lat:N21.028,Lon:E105.852,Course:90.0,Speed:0.0,DateTime:2025-05-14  14:12:38";
    let still = FIX.replace("36.0", "0.0");
    let answer = format!("answered: {}", String::from_utf8_lossy(&text[5..]));
    check(&[login(), sealed(true, 0x21, text, 5)], &[&login_line(), "position", &answer, &still]);
    let answer = "answered: OK!";
    check(
        &[login(), sealed(true, 0x21, b"\0\0\0\0\x01OK!", 5)],
        &[&login_line(), "no position in it", answer],
    );
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    for (kind, body, note) in [
        (0x36, &[0x46, 4, 3, 0, 2, 0, 0x18, 2, 1, 0x90][..], "heartbeat"),
        (0xa3, &[0, 0, 0, 0, 5, 50, 30, 2, 0, 0, 0, 0, 2, 88, 79, 0, 1, 0, 6][..], "status"),
        (0x35, &[25, 5, 14, 14, 12, 38, 5, 1, 2, 3, 4, 5, 6, 7, 8][..], "photograph"),
        (0x28, &[25, 5, 14, 14, 12, 38, 1, 0xc4, 4][..], "cells"),
        (0x16, &[0; 32][..], "no position in it"),
    ] {
        let line = &lines(&PROTOCOL, &mut Session::default(), &sealed(false, kind, body, 1))[0];
        assert!(line.starts_with(note), "{line}");
    }
}

#[test]
fn a_terminator_inside_does_not_end_a_message() {
    let mut block = block();
    block[16..18].copy_from_slice(&[0x14, 0x0d]);
    let body = [&block[..], b"\n\r\n\r\n"].concat();
    let fix = FIX.replace("90.0", "13.0");
    check(&[login(), sealed(false, 0x22, &body, 7)], &[&login_line(), "position", &fix]);
}

#[test]
fn scans_write_a_count_instead_of_the_length() {
    let scan =
        [&[0x78, 0x78, 2, 0x69, 0x25, 5, 0x14, 0x14, 0x12, 0x38][..], &[9; 14], &[0; 4], b"\r\n"].concat();
    let answer = "wireless networks 787800692505141412380d0a";
    check(&[login(), sealed(false, 0x12, &block(), 1)], &[&login_line(), "position", FIX]);
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &[scan, login()].concat()), [answer, &login_line()]);
}

#[test]
fn zones() {
    let with_zone = [&IMEI[..], &[0x10, 0x0b], &(700_u16 << 4).to_be_bytes()].concat();
    let input = [sealed(false, 0x01, &with_zone, 1), sealed(false, 0x12, &block(), 2)].concat();
    let seven_hours_earlier = FIX.replace("1747231958000", "1747206758000");
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &input)[2], seven_hours_earlier);
    let zones = Zones { otherwise: Some("+00:00".parse().expect("a zone")), ..Zones::default() };
    assert_eq!(lines(&PROTOCOL, &mut Session { zones, ..Session::default() }, &input)[2], FIX);
    let by_device = [("864717003283581".to_owned(), "+08:00".parse().expect("a zone"))].into();
    let zones = Zones { by_device: std::sync::Arc::new(by_device), otherwise: None };
    let eight = FIX.replace("1747231958000", "1747203158000");
    assert_eq!(lines(&PROTOCOL, &mut Session { zones, ..Session::default() }, &input)[2], eight);
}

#[test]
fn damage_says_why() {
    let mut broken = sealed(false, 0x12, &block(), 7);
    broken[10] ^= 1;
    let mut off = block();
    off[7] = 0xff;
    let mut month = block();
    month[1] = 13;
    let got = lines(
        &PROTOCOL,
        &mut Session::default(),
        &[b"GET / ".to_vec(), broken, sealed(false, 0x12, &off, 1), sealed(false, 0x12, &month, 1), login()]
            .concat(),
    );
    assert_eq!(got[0], "bad: 6 bytes before 78 78 or 79 79");
    assert!(got[1].starts_with("bad: checksum 0x"), "{}", got[1]);
    assert_eq!([&got[2], &got[4]], ["position that cannot be read"; 2]);
    assert!(got[3].starts_with("warning: kind 12: position 23"), "{}", got[3]);
    assert_eq!(got[5], "warning: kind 12: 25-13-14 14:12:38 is not a date");
    assert_eq!(got[6], login_line());
    let no_name = sealed(false, 0x01, &[0xff; 8], 1);
    let got = lines(&PROTOCOL, &mut Session::default(), &no_name);
    assert_eq!(got, ["bad: kind 01: ffffffffffffffff is not an IMEI"]);
}

#[test]
fn an_alarm_whose_position_cannot_be_read_is_answered() {
    let mut off = block();
    off[7] = 0xff;
    let alarm = sealed(false, 0x26, &[off, vec![0; 9]].concat(), 9);
    let got = lines(&PROTOCOL, &mut Session::default(), &alarm);
    assert_eq!(got[0], format!("position that cannot be read {}", hex(&sealed(false, 0x26, &[], 9))));
    assert!(got[1].ends_with("is not on the earth"), "{got:?}");
    survives(&PROTOCOL, &alarm);
}

#[test]
fn it_finds_back_after_noise() {
    finds_back(&PROTOCOL, &sealed(false, 0x12, &block(), 7));
}

#[test]
fn orders_and_answers() {
    let order = |order| orders::encode(&Session::default(), &order, 7).expect("an order");
    let text = [&[12][..], &[0, 0, 0, 7], b"Relay,1#"].concat();
    assert_eq!(order(Order::Text("Relay,1#".to_owned())), sealed(false, 0x80, &text, 7));
    assert_eq!(order(Order::Locate), sealed(false, 0x80, &[&[10][..], &[0, 0, 0, 7], b"WHERE#"].concat(), 7));
    // The longest one, whose length still fits into its byte.
    let longest = order(Order::Text("x".repeat(245)));
    assert_eq!((longest.len(), longest[2]), (260, 255));
    for length in [246, 251, 252, 500] {
        let refused = orders::encode(&Session::default(), &Order::Text("x".repeat(length)), 7);
        let why = format!("gt06: the command has {length} bytes, and the tracker takes 245 at most");
        assert_eq!(refused, Err(why));
    }
    let answer = sealed(false, 0x15, &[&[6][..], &[0, 0, 0, 7], b"OK", &[0, 2]].concat(), 7);
    check(&[answer], &["answer to a command", "answered: OK"]);
}

#[test]
fn ignition_and_the_call_for_help() {
    let cell = [1, 0xc4, 4, 0x27, 0x10, 0, 0x1a, 0x2b];
    let with = |rest: &[u8]| [&block()[..], rest].concat();
    let alarm = |state: u8, alarm: u8| {
        sealed(false, 0x26, &with(&[&[9], &cell[..], &[state, 4, 3, alarm, 2]].concat()), 2)
    };
    let position = |ignition: u8| sealed(false, 0x22, &with(&[&cell[..], &[ignition, 0, 0]].concat()), 3);
    let day = [
        login(),
        position(1),
        position(0),
        alarm(0b0010_0010, 0),
        alarm(0b0000_0000, 1),
        alarm(0b0001_0010, 3),
        sealed(false, 0x12, &block(), 4),
    ];
    let want = ["engine on", "engine off", "engine on, sos", "engine off, sos", "engine on", ""];
    assert_eq!(told(&PROTOCOL, &day.concat()), want);
    day[1..].iter().for_each(|message| survives(&PROTOCOL, message));
}

/// Behind a block: the length of the cell, the cell, then state, voltage, signal, alarm, language and what else follows.
fn alarm_of(kind: u8, cell: &[u8], tail: &[u8]) -> Vec<u8> {
    sealed(false, kind, &[&block()[..], cell, tail].concat(), 2)
}

#[test]
fn alarms_of_all_layouts() {
    let (on, off, help) = (0b0000_0010_u8, 0_u8, 0b0010_0000_u8);
    let cell: [u8; 8] = [1, 0xc4, 4, 0x27, 0x10, 0, 0x1a, 0x2b];
    let long: Vec<u8> = [&[16, 1, 0xc4, 4], &[0; 12][..]].concat();
    let longer: Vec<u8> = [&[17, 0x81, 0xc4, 0, 4], &[0; 12][..]].concat();
    let day = [
        login(),
        // A fence's number behind the language.
        alarm_of(0x27, &[&[9], &cell[..]].concat(), &[on, 4, 3, 1, 2, 0xff]),
        alarm_of(0x27, &[&[10, 0x81, 0xc4, 0, 4], &[0; 5][..]].concat(), &[off, 4, 3, 1, 2, 0xff]),
        alarm_of(0xa4, &long, &[on, 4, 3, 1, 2, 0xff]),
        alarm_of(0xa4, &longer, &[off | help, 4, 3, 0, 2, 0xff]),
        alarm_of(0xa4, &longer, &[on, 4, 3, 2, 2, 0xff]),
        // The length does not count itself; there is none; it is too short; there is no cell.
        alarm_of(0x26, &[&[8], &cell[..]].concat(), &[off, 4, 3, 1, 2]),
        alarm_of(0x16, &cell, &[on | help, 4, 0xe4, 4, 0]),
        alarm_of(0x16, &[&[9], &cell[..], &[7]].concat(), &[off, 4, 3, 1, 2]),
        alarm_of(0x16, &[0; 46], &[on, 4, 3, 1, 2]),
        sealed(true, 0x26, &[&block()[..], &[9], &cell, &[on, 4, 3, 1, 2]].concat(), 2),
        alarm_of(0x26, &[5; 9], &[on, 4, 3, 1, 2]),
    ];
    let (on, off) = ("engine on, sos", "engine off, sos");
    assert_eq!(told(&PROTOCOL, &day.concat()), [on, off, on, off, "engine on", off, on, off, on, on, ""]);
    day[1..].iter().for_each(|message| survives(&PROTOCOL, message));
    let block = block();
    let plain = |alarm| [&block[..6], &block[7..15], &block[16..], &[alarm, 0, 0]].concat();
    let marked = |alarm| [&[0xff, 0xff, 1], &block[..15], &block[16..], &[0, 36, 0, 120, alarm]].concat();
    let day = [plain(1), plain(0x92), marked(1), marked(0x92)].map(|body| sealed(false, 0x95, &body, 9));
    assert_eq!(told(&PROTOCOL, &day.concat()), ["sos", "", "sos", ""]);
}

#[test]
fn positions_that_tell_of_the_ignition_themselves() {
    let flags = |bits: u8| {
        let mut block = block();
        block[16] |= bits;
        sealed(false, 0x12, &block, 4)
    };
    let named = [&[1][..], &IMEI, &block()[..6], &block(), &[9], &[0; 8], &[0x46, 9, 0x84]].concat();
    let cell = |on| [&block()[..], &[1, 0xc4, 4], &[0; 12], &[on, 3, 0]].concat();
    let day = [
        flags(0xc0),
        flags(0x40),
        flags(0x80),
        sealed(false, 0x22, &named, 5),
        sealed(false, 0xa0, &cell(1), 6),
        sealed(false, 0xa0, &cell(0), 6),
        sealed(false, 0xa0, &cell(9), 6),
    ];
    let want = ["engine on", "engine off", "", "engine on", "engine on", "engine off", ""];
    assert_eq!(told(&PROTOCOL, &day.concat()), want);
}

#[test]
fn heartbeats_tell_for_the_live_positions_behind_them() {
    let mut live = block();
    live[..6].copy_from_slice(&[24, 12, 31, 23, 59, 50]);
    let live = sealed(false, 0x12, &live, 4);
    let stored = sealed(false, 0x12, &block(), 5);
    let heartbeat = |kind: u8, state: u8| sealed(false, kind, &[state, 6, 4, 0, 1], 6);
    let without_fix = |alarm| sealed(false, 0x19, &[1, 0xc4, 4, 0, 1, 0, 0, 1, 2, 4, 3, alarm, 0], 7);
    let day = [
        login(),
        live.clone(),
        heartbeat(0x13, 0b0000_0110),
        live.clone(),
        stored,
        heartbeat(0x13, 0b0010_0100),
        live.clone(),
        heartbeat(0x23, 0b0010_0110),
        live.clone(),
        without_fix(1),
        live.clone(),
        heartbeat(0x36, 0),
        live.clone(),
        login(),
        live.clone(),
    ];
    let want = ["", "engine on", "", "engine off, sos", "engine on", "engine on, sos", "engine off", ""];
    assert_eq!(told(&PROTOCOL, &day.concat()), want);
    // A heartbeat long ago may be over.
    let at = |session: &mut Session, message: &[u8], minutes: i64| match (PROTOCOL.decode)(
        session,
        message,
        UtcMillis(NOW.0 + minutes * 60_000),
    ) {
        Decoded::Message(message) => message.fixes.first().and_then(|fix| fix.told.engine_on),
        other @ (Decoded::NeedMore | Decoded::Bad { .. }) => panic!("{other:?}"),
    };
    for (heard, want) in [(-9, Some(true)), (-11, None)] {
        let mut session = Session::default();
        assert_eq!(at(&mut session, &heartbeat(0x13, 2), heard), None);
        assert_eq!(at(&mut session, &live, 0), want);
    }
}

#[test]
fn any_digit_may_stand_before_the_name() {
    let mut name = IMEI;
    name[0] = 0x98;
    check(
        &[sealed(false, 0x01, &name, 1), sealed(false, 0x12, &block(), 7)],
        &[&login_line(), "position", FIX],
    );
}
