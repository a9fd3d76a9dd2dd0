//! Sentences and packed messages made for this project.

use super::super::testing::{finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Session, Source};
use super::PROTOCOL;

const FIX: &str = "2705171109 1747231958000 21.02800,105.85200 18.5 km/h Some(90.0) None";
const TAKEN: &str = "position 2a48512c323730353137313130392c56342c56312c323032343132333132333539353923";

#[track_caller]
fn check(message: &[u8], want: &[&str]) {
    for source in [Source::Live, Source::Datagram] {
        let mut session = Session { source, ..Session::default() };
        assert_eq!(lines(&PROTOCOL, &mut session, message), want);
    }
    survives(&PROTOCOL, message);
}

#[test]
fn positions_in_sentences() {
    check(b"*HQ,2705171109,V1,141238,A,2101.6800,N,10551.1200,E,010.00,090,140525,FFFFFBFF#", &[TAKEN, FIX]);
    check(
        b"*HQ,2705171109,V6,141238,A,2101.6800,N,10551.1200,E,10.0,90.0,140525,FFFFFBFF,1,2#\r\n",
        &["position", FIX],
    );
    // Without a point; with dashes; with the battery before the date.
    check(
        b"*HQ,2705171109,V5,141238,A,21016800,N,105511200,E,010.00,090,140525,FFFFFBFF#",
        &["position", FIX],
    );
    check(
        b"*HQ,2705171109,V2,141238,A,-21-01.6800,N,-105-51.1200,E,10,090,77,140525,FFFFFBFF#",
        &["position", FIX],
    );
    let south = FIX.replace("21.02800,105.85200", "-21.02800,-105.85200");
    check(
        b"*TH,2705171109,V6,141238,A,2101.6800,S,10551.1200,W,10.00,090,140525,FFFFFBFF#",
        &["position", &south],
    );
}

#[test]
fn answers_carry_the_position() {
    let text =
        b"*HQ,2705171109,V4,S20,DONE,130305,141238,A,2101.6800,N,10551.1200,E,10.00,090,140525,F7FFFBFF#";
    let first = lines(&PROTOCOL, &mut Session::default(), text);
    assert_eq!((first[0].as_str(), first[2].as_str()), ("position", FIX));
    assert!(first[1].starts_with("answered: S20,DONE"), "{}", first[1]);
}

#[test]
fn what_cannot_be_read_is_answered_all_the_same() {
    let taken = TAKEN.replace("position", "position that cannot be read");
    check(
        b"*HQ,2705171109,V1,141238,A,9101.6800,N,10551.1200,E,010.00,090,140525,FFFFFBFF#",
        &[&taken, "warning: position 91.028, 105.852 is not on the earth"],
    );
    check(
        b"*HQ,2705171109,V1,141238,A,2101.6800,N,10551.1200,E,010.00,090,141325,FFFFFBFF#",
        &[&taken, "warning: 25-13-14 14:12:38 is not a date"],
    );
}

#[test]
fn what_is_not_valid_says_so() {
    let now = FIX.replace("1747231958000", "1735689599000") + " not valid";
    check(b"*HQ,2705171109,V6,,V,2101.6800,N,10551.1200,E,10.00,090,,FFFFFBFF#", &["position", &now]);
    check(b"*HQ,2705171109,V6,,V,,N,,E,0.00,0,,FFFFF7FF#", &["no position in it"]);
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    check(b"*HQ,2705171109,LINK,180902,15,0,84,0,0,240517,FFFFFBFF#", &["heartbeat"]);
    check(b"*HQ,2705171109,XT,1,100#", &["heartbeat"]);
    check(b"*HQ,2705171109,V3,095426,74001,01,010278,045142,128,92,02DD,0,X,090517,FFFFFBFF#", &["cells"]);
    check(b"*hq,2705171109,VP1,V,470,002,92,3565,0Y92,19433,30#", &["no position in it"]);
    let echo = "heartbeat 2a48512c323730353137313130392c4854425423";
    check(b"*HQ,2705171109,HTBT,100#", &[echo]);
}

#[test]
fn one_position_a_day() {
    let midnight = FIX.replace("1747231958000", "1747180800000");
    check(b"*hq,2705171109,VP1,A,2101.6800,N,10551.1200,E,10.00,90.0,140525,1#", &["position", &midnight]);
}

/// Time, date, latitude, battery, longitude with flags, speed and course, status.
fn packed(flags: u8, tail: &[u8]) -> Vec<u8> {
    let head = [
        0x24, 0x27, 0x05, 0x17, 0x11, 0x09, 0x14, 0x12, 0x38, 0x14, 0x05, 0x25, 0x21, 0x01, 0x68, 0x00, 0x06,
    ];
    let place = [0x10, 0x55, 0x11, 0x20, flags, 0x01, 0x00, 0x90, 0xff, 0xff, 0xfb, 0xff, 0xff];
    [&head[..], &place, tail].concat()
}

#[test]
fn packed_messages() {
    let short = packed(0x0e, &[0, 0x24]);
    check(&short, &["position", FIX]);
    check(&packed(0x0e, &[0; 15]), &["position", FIX]);
    check(
        &[short.clone(), packed(0x0c, &[0, 0])].concat(),
        &["position", FIX, "position", &format!("{FIX} not valid")],
    );
    let south = FIX.replace("21.02800,105.85200", "-21.02800,-105.85200");
    check(&packed(0x02, &[0, 0]), &["position", &south]);
    let got = lines(&PROTOCOL, &mut Session::default(), &short[..31]);
    assert!(got.is_empty(), "{got:?}");
}

#[test]
fn it_finds_back_after_noise() {
    finds_back(&PROTOCOL, b"*HQ,2705171109,V6,141238,A,2101.6800,N,10551.1200,E,010.00,090,140525,FFFFFBFF#");
}

#[test]
fn ignition_and_the_call_for_help() {
    let with = |tail: &str| {
        format!("*HQ,2705171109,V6,141238,A,2101.6800,N,10551.1200,E,10.00,090,{tail}#").into_bytes()
    };
    let mut packed_help = packed(0x0e, &[0, 0x24]);
    packed_help[25..29].copy_from_slice(&[0xff, 0xff, 0xfb, 0xfd]);
    let day = [
        with("140525,FFFFFFFF"),
        with("140525,FFFFFBFF,310,260"),
        with("140525,FFFFFFFD"),
        with("140525,fffbffff,25c,a, 154,b04c"),
        // The battery before the date; a card behind it; no date; no state; a state that says all at once.
        with("77,140525,FFFFFBFD"),
        with("140525,,195.63.13.195,89480610500392633029,BFFFFBFF"),
        with(",FFFFFFEF"),
        with("140525"),
        with("140525,00000000"),
        packed(0x0e, &[0, 0x24]),
        packed_help,
    ];
    let want = [
        "engine on",
        "engine off",
        "engine on, sos",
        "engine on, sos",
        "engine off, sos",
        "engine off",
        "engine on",
        "",
        "",
        "engine off",
        "engine off, sos",
    ];
    let each: Vec<String> = day.iter().flat_map(|message| told(&PROTOCOL, message)).collect();
    assert_eq!(each, want);
}
