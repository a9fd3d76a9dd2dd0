//! Messages made for this project.

use super::super::testing::{finds_back, lines, survives, told};
use super::super::{Order, Session, Source};
use super::{PROTOCOL, encode};

const FIX: &str = "205589913 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";

#[track_caller]
fn check(message: &str, want: &[&str]) {
    for source in [Source::Live, Source::Datagram] {
        let mut session = Session { source, ..Session::default() };
        assert_eq!(lines(&PROTOCOL, &mut session, format!("{message}\r").as_bytes()), want, "{message}");
    }
    survives(&PROTOCOL, message.as_bytes());
    assert!(lines(&PROTOCOL, &mut Session::default(), message.as_bytes()).is_empty());
}

const PLACE: &str = "+21.028000;+105.852000;036.000;090.00";

#[test]
fn series_with_letters_and_numbers() {
    for message in [
        format!("SA200STT;205589913;129;20250514;14:12:38;36d507;{PLACE};11;1;2632589;12.21;010000;1;3211"),
        format!("ST300STT;205589913;40;313;20250514;14:12:38;c99e48;{PLACE};20;1;997100;14.10;100000;2;8384"),
        format!("ST300ALT;205589913;40;313;20250514;14:12:38;c99e48;{PLACE};20;1;997100;14.10;100000;33"),
        format!("ST500STT;205589913;07;843;20250514;14:12:38;{PLACE};6;1;1411212;12.89;0;0;1;4659"),
        format!(
            "ST600STT;205589913;20;419;20250514;14:12:38;00462b08;736;3;4524;50;{PLACE};4;1;0;13.89;000000;1"
        ),
        format!(
            "ST600UEX;205589913;20;568;20250514;14:12:38;0bf1a893;334;20;2f19;23;{PLACE};12;1;0;13.17;000000;44;a=1"
        ),
        format!("ST910;Location;205589913;017;20250514;14:12:38;{PLACE};1;4.32;1;1;0001"),
        format!("ST910;Emergency;205589913;528;20250514;14:12:38;757416002;{PLACE};1;228638;1"),
        format!("ST910;Alert;205589913;20250514;14:12:38;{PLACE};1;4.0"),
        format!(
            "ST410STT;205589913;408;01;1;732;123;-65;1824;1;0;0;0;0;0;0;3.7;1;0156;1;20250514;14:12:38;{PLACE};9;1"
        ),
    ] {
        check(&message, &["position", FIX]);
    }
    let not = FIX.replace("21.02800,105.85200", "-21.02800,-105.85200") + " not valid";
    let south = PLACE.replace('+', "-");
    check(
        &format!("ST300EMG;205589913;40;313;20250514;14:12:38;c99e48;{south};0;0;9;14.10;100000;2"),
        &["position", &not],
    );
}

#[test]
fn universal_format() {
    let all = format!(
        "STT;205589913;3FFFFF;26;010;1;20250514;14:12:38;0000004F;450;0;0014;20;{PLACE};10;1;00000101;00001000;1;2;0492"
    );
    check(&all, &["position", FIX]);
    // Without cells and satellites.
    check(&format!("ALT;205589913;017838;1;20250514;14:12:38;{PLACE};1;33"), &["position", FIX]);
    let still = FIX.replace("36.0 km/h Some(90.0)", "0.0 km/h None");
    check(
        "BLE;205589913;26;010;20250514;14:12:38;+21.028000;+105.852000;1;-70;-80;-60;ab;3;1;2",
        &["position", &still],
    );
    check("ALV;205589913", &["heartbeat"]);
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    check(
        "ST300CMD;Res;205589913;319H;Disable1",
        &["answer to a command", "answered: 205589913;319H;Disable1"],
    );
    check("RES;205589913;03;01", &["answer to a command", "answered: 03;01"]);
    let trip = "ST300HTE;205589913;04;248;20250514;14:12:38;167659;12.28;004005;0.0;1;0;3;3;0;-22.881018;-047.070831";
    check(trip, &["no position in it"]);
    check(
        "ST410STT;205589913;408;01;1;732;123;-65;1824;1;0;0;0;0;0;0;3.7;1;0156;1;;",
        &["no position in it"],
    );
}

#[track_caller]
fn check_binary(message: &[u8], want: &[&str]) {
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), message), want);
    survives(&PROTOCOL, message);
    for end in 1..message.len() {
        let cut = lines(&PROTOCOL, &mut Session::default(), &message[..end]);
        assert!(cut.is_empty(), "cut at {end}: {cut:?}");
    }
}

fn universal_binary() -> Vec<u8> {
    let mut message = vec![0x81, 0, 0, 0x02, 0x05, 0x58, 0x99, 0x13, 0x3f, 0xff, 0xff, 0x34, 1, 0, 3, 1];
    message.extend([25, 5, 14, 14, 12, 38]);
    message.extend([0; 11]);
    message.extend((21_028_000_u32 | 1 << 31).to_be_bytes());
    message.extend(105_852_000_u32.to_be_bytes());
    message.extend([0x0e, 0x10, 0x23, 0x28, 9, 1, 1, 0, 1, 2, 3, 0]);
    let length = u16::try_from(message.len() - 3).expect("short").to_be_bytes();
    message[1..3].copy_from_slice(&length);
    message
}

#[test]
fn binary_forms() {
    let south = FIX.replace("205589913", "0205589913").replace("21.028", "-21.028");
    check_binary(&universal_binary(), &["position", &south]);
    let mut zip =
        vec![0x02, 0, 0, 0x10, 0x20, 0x55, 0x89, 0x91, 0x30, 1, 0, 9, 25, 5, 14, 14, 12, 38, 0, 1, 2];
    zip.extend([21, 0x02, 0x80, 0x00, 105, 0x85, 0x20, 0x00, 0, 36, 0, 0, 90, 0, 0x80]);
    zip.extend([0, 0, 0, 9, 12, 0x34, 1, 2, 3]);
    let length = u16::try_from(zip.len() - 4).expect("short").to_be_bytes();
    zip[1..3].copy_from_slice(&length);
    check_binary(&zip, &["position", FIX]);
}

#[test]
fn crash_reports_come_in_parts() {
    let mut data = vec![25, 5, 14, 14, 12, 38];
    for _ in 0..4 {
        data.extend(210_280_000_i32.to_le_bytes());
        data.extend(1_058_520_000_i32.to_le_bytes());
        data.extend([0x0e, 0x10, 0x23, 0x28]);
        data.extend([0x11; 600]);
    }
    let part = |index: usize, data: &[u8]| {
        [format!("CRR;0205589913;{index:02};02;  ").as_bytes(), data, b"abc\r"].concat()
    };
    let input = [part(1, &data[..1200]), part(2, &data[1200..])].concat();
    let got = lines(&PROTOCOL, &mut Session::default(), &input);
    assert_eq!(
        (got.len(), got[0].as_str(), got[1].as_str()),
        (6, "part of a message", "positions"),
        "{got:?}"
    );
    assert!(got[2].starts_with("0205589913 1747231955000 21.02800,105.85200 36.0"), "{}", got[2]);
}

#[test]
fn orders() {
    let session = Session { device: Some("0205589913".to_owned()), ..Session::default() };
    assert_eq!(encode(&session, &Order::Locate, 1), Ok(b"CMD;0205589913;03;01\r".to_vec()));
}

#[test]
fn it_finds_back_after_noise() {
    finds_back(&PROTOCOL, &universal_binary());
}

#[test]
fn ignition_and_the_call_for_help() {
    let third = |kind: &str, tail: &str| {
        format!("ST300{kind};205589913;40;313;20250514;14:12:38;c99e48;{PLACE};20;1;997100;14.10;{tail}\r")
    };
    let universal = |kind: &str, inputs: &str, alert: u8| {
        format!(
            "{kind};205589913;3FFFFF;26;010;1;20250514;14:12:38;4F;450;0;14;20;{PLACE};10;1;{inputs};00001000;{alert};2;0492\r"
        )
    };
    let day = [
        third("STT", "100000;2;8384"),
        third("STT", "01000010;1;8384"),
        third("STT", "0;0;1"),
        third("EMG", "100000;1"),
        third("EMG", "000000;3"),
        third("ALT", "100000;1"),
        universal("STT", "00000101", 42),
        universal("STT", "00001000", 1),
        universal("ALT", "00000001", 42),
        universal("ALT", "00000000", 33),
        format!("ST910;Location;205589913;017;20250514;14:12:38;{PLACE};1;28462;80;1;100000\r"),
        format!(
            "ST410STT;205589913;408;01;1;732;123;-65;1824;1;0;0;0;0;0;0;3.7;1;0156;1;20250514;14:12:38;{PLACE};9;1\r"
        ),
    ];
    let want = [
        "engine on",
        "engine off",
        "",
        "engine on, sos",
        "engine off",
        "engine on",
        "engine on",
        "engine off",
        "engine on, sos",
        "engine off",
        "",
        "",
    ];
    assert_eq!(told(&PROTOCOL, day.concat().as_bytes()), want);
    let mut alert = universal_binary();
    assert_eq!(told(&PROTOCOL, &alert), ["engine on"]);
    let [inputs, number] = [alert.len() - 6, alert.len() - 4];
    (alert[0], alert[inputs], alert[number]) = (0x82, 0b10, 42);
    assert_eq!(told(&PROTOCOL, &alert), ["engine off, sos"]);
}
