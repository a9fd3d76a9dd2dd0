//! Messages made for this project.

use super::super::testing::{finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Order, Session, Source};
use super::{PROTOCOL, encode};

const FIX: &str = "861971050039361 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";
const PLACE: &str = "1,36.0,90,12.0,105.852000,21.028000,20250514141238,0452,0004,1CE9,52A1";

#[track_caller]
fn check(message: &str, want: &[&str]) {
    for source in [Source::Live, Source::Datagram] {
        let mut session = Session { source, ..Session::default() };
        assert_eq!(lines(&PROTOCOL, &mut session, message.as_bytes()), want, "{message}");
    }
    survives(&PROTOCOL, message.as_bytes());
    let cut = &message.as_bytes()[..message.len() - 1];
    assert!(lines(&PROTOCOL, &mut Session::default(), cut).is_empty());
}

fn replied(note: &str, reply: &str) -> String {
    format!("{note} {}", crate::protocols::bytes::hex(reply.as_bytes()))
}

#[test]
fn positions_of_all_kinds() {
    let taken = replied("position", "+SACK:1B0F$");
    for message in [
        format!(
            "+RESP:GTFRI,5E0100,861971050039361,,,10,1,{PLACE},00,0.0,,,,,420000,,,,20250514141240,1B0F$"
        ),
        format!("+RESP:GTRTL,5E0100,861971050039361,,,00,1,{PLACE},00,0.0,20250514141240,1B0F$"),
        format!("+RESP:GTSOS,5E0100,861971050039361,gv,,0,1,1,{PLACE},,0.0,20250514141240,1B0F$"),
        format!("+RESP:GTIGN,5E0100,861971050039361,gv,140944,{PLACE},,,5810.9,20250514141240,1B0F$"),
        format!("+RESP:GTSTT,5E0100,861971050039361,,42,{PLACE},,20250514141240,1B0F$"),
        format!(
            "+BUFF:GTERI,6E0C03,861971050039361,,00000100,,10,1,{PLACE},01,12,0.0,,,,,100,1A0000,0,2,00,20250514141240,1B0F$"
        ),
        format!("+RESP:GTTRI,861971050039361,1,0,99,{PLACE},00,20250514141240,1B0F$"),
    ] {
        check(&message, &[&taken, FIX]);
    }
    let both = format!(
        "+RESP:GTFRI,5E0100,861971050039361,,,10,2,{PLACE},00,{PLACE},00,0.0,,,,,4200,20250514141240,1B0F$"
    );
    check(&both, &[&replied("positions", "+SACK:1B0F$"), FIX, FIX]);
    let off = PLACE.replace("21.028000", "91.028000");
    let one = format!(
        "+RESP:GTFRI,5E0100,861971050039361,,,10,2,{off},00,{PLACE},00,0.0,,,,,4200,20250514141240,1B0F$"
    );
    let warning =
        "warning: 1 of 2 positions left out, the first because: position 91.028, 105.852 is not on the earth";
    check(&one, &[&taken, FIX, warning]);
    let last_known =
        format!("+RESP:GTFRI,5E0100,861971050039361,,,10,1,0{},00,,20250514141240,1B0F$", &PLACE[1..]);
    check(&last_known, &[&taken, &format!("{FIX} not valid")]);
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    let none = replied("no position in it", "+SACK:0121$");
    check("+RESP:GTPNA,710402,861971050039361,,20250514141240,0121$", &[&none]);
    check("+RESP:GTFRI,2E0503,861971050039361,,,0,1,,,,,,,,,,,,0,0,,98,1,0,,,20250514141240,0121$", &[&none]);
    let heartbeat = replied("heartbeat", "+SACK:GTHBD,1A0401,11F0$");
    check("+ACK:GTHBD,1A0401,861971050039361,,20250514141240,11F0$", &[&heartbeat]);
    let accepted = "answered: GTRTO accepted";
    check(
        "+ACK:GTRTO,1A0401,861971050039361,,RTL,0007,20250514141240,11F0$",
        &["answer to a command", accepted],
    );
}

/// `+RSP` of one position: type 1, IMEI in pairs of digits.
fn report(kind: u8, after: &[u8]) -> Vec<u8> {
    let mut bytes = b"+RSP".to_vec();
    bytes.push(kind);
    bytes.extend([0, 0xfc, 0x1f, 0xbf, 0, 0, 0x45, 1, 2, 2, 8, 86, 19, 71, 5, 0, 39, 36, 1, 100, 0x2f, 0x44]);
    bytes.extend(after);
    bytes.extend([0; 8]);
    bytes.extend(b"\r\n");
    let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
    bytes[9..11].copy_from_slice(&length);
    bytes
}

fn place() -> Vec<u8> {
    let mut place = vec![1, 0, 36, 5, 0, 90, 0, 12];
    place.extend(105_852_000_i32.to_be_bytes());
    place.extend(21_028_000_i32.to_be_bytes());
    place.extend([0x07, 0xe9, 5, 14, 14, 12, 38, 1, 0xc4, 0, 4, 0, 1, 0, 2, 0]);
    place
}

#[track_caller]
fn check_binary(message: &[u8], want: &[&str]) {
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), message), want);
    survives(&PROTOCOL, message);
}

#[test]
fn binary_reports_and_events() {
    let fix = FIX.replace("36.0", "36.5");
    check_binary(&report(1, &[&[0x21, 5, 0, 1][..], &place()].concat()), &["position", &fix]);
    check_binary(
        &report(8, &[&[0, 0, 0x21, 5, 0, 2][..], &place(), &place()].concat()),
        &["position", &fix, &fix],
    );
    let mut off = place();
    off[12..16].copy_from_slice(&91_000_000_i32.to_be_bytes());
    let warning =
        "warning: 1 of 2 positions left out, the first because: position 91, 105.852 is not on the earth";
    check_binary(&report(1, &[&[0x21, 5, 0, 2][..], &off, &place()].concat()), &["position", &fix, warning]);
    check_binary(&report(3, &[&[0x21, 5, 0, 6, 0x12, 0x3f, 1][..], &place()].concat()), &["position", &fix]);
    let mut event = report(45, &[&[0x21, 5, 0, 0, 2, 0, 0, 0, 9, 1][..], &place()].concat());
    event[1..4].copy_from_slice(b"EVT");
    check_binary(&event, &["position", &fix]);
}

#[test]
fn binary_differences() {
    let mut track = vec![0x21, 5, 0, 3];
    // Whole: 36.0 km/h, course 90.
    let bits = 1_u32 << 22 | 360 << 9 | 90;
    track.extend(&bits.to_be_bytes()[1..]);
    track.extend(105_852_000_i32.to_be_bytes());
    track.extend(21_028_000_i32.to_be_bytes());
    track.extend(1_747_231_958_u32.to_be_bytes());
    // Differences: -1.0 km/h, +1 degree, -20 and +10 millionths.
    let bits = 2_u64 << 38 | (118 << 30) | 1 << 23 | (4096 - 20) << 11 | 10;
    track.extend(&bits.to_be_bytes()[3..]);
    track.push(0xc0);
    let whole = FIX.replace("Some(12.0)", "None");
    let next = "861971050039361 1747231959000 21.02801,105.85198 35.0 km/h Some(91.0) None";
    check_binary(&report(100, &track), &["position", &whole, next]);
}

#[test]
fn orders() {
    let order =
        encode(&Session::default(), &Order::Locate, 7).map(|b| String::from_utf8_lossy(&b).into_owned());
    assert_eq!(order, Ok("AT+GTRTO=gv,1,,,,,,0007$".to_owned()));
}

#[test]
fn it_finds_back_after_noise() {
    let message = format!("+RESP:GTRTL,5E0100,861971050039361,,,00,1,{PLACE},00,0.0,20250514141240,1B0F$");
    finds_back(&PROTOCOL, message.as_bytes());
}

#[test]
fn ignition_and_the_call_for_help() {
    let report = |kind: &str, before: &str, behind: &str| {
        format!("+RESP:GT{kind},5E0100,861971050039361,gv,{before},{PLACE},{behind},20250514141240,1B0F$")
    };
    let timed = |state: &str| report("FRI", ",10,1", &format!("00,0.0,,,,100,{state},,"));
    let day = [
        report("SOS", ",0,1", ",0.0"),
        report("IGN", "140944", ",,5810.9"),
        report("VGN", "453966", ",,0.0"),
        report("IGF", "3519", "00,,243.1"),
        report("VGF", "3519", "00,,243.1"),
        // Which of the two it is, is not told surely.
        report("IGL", ",01,1", "00,243.1"),
        timed("110000"),
        timed("1A0000"),
        timed("210100"),
        timed("220100"),
        // Not connected; no state.
        timed("410000"),
        timed(""),
        report("ERI", ",00000002,14164,10,1", ",39539.5,,,100,220100,,0"),
        // The state is that of the last place.
        report("FRI", ",10,2", &format!("00,{PLACE},00,0.0,,,,,210100,,")),
        report("STT", "42", ",210100"),
    ];
    let want = [
        "sos",
        "engine on",
        "engine on",
        "engine off",
        "engine off",
        "",
        "engine off",
        "engine off",
        "engine on",
        "engine on",
        "",
        "",
        "engine on",
        "",
        "engine on",
        "",
    ];
    assert_eq!(told(&PROTOCOL, day.concat().as_bytes()), want);
}
