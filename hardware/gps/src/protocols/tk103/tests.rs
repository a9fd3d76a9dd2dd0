//! Sentences made for this project.

use super::super::testing::{finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Order, Session, Source};
use super::{PROTOCOL, encode};

const FIX: &str = "027044702512 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";

#[track_caller]
fn check(message: &str, want: &[&str]) {
    for source in [Source::Live, Source::Datagram] {
        let mut session = Session { source, ..Session::default() };
        assert_eq!(lines(&PROTOCOL, &mut session, message.as_bytes()), want);
    }
    survives(&PROTOCOL, message.as_bytes());
    let cut = &message.as_bytes()[..message.len() - 1];
    assert!(lines(&PROTOCOL, &mut Session::default(), cut).is_empty());
}

fn replied(note: &str, reply: &str) -> String {
    format!("{note} {}", crate::protocols::bytes::hex(reply.as_bytes()))
}

#[test]
fn fixed_width() {
    check(
        "(027044702512BR00250514A2101.6800N10551.1200E036.0141238090.0001000000L00000000)",
        &["position", FIX],
    );
    check(
        "(027044702512BR00250514A2101.6800N 10551.1200E 36.014123890.0000000000L00000314T113)",
        &["position", FIX],
    );
    check(
        "(027044702512BO012250514A2101.6800N10551.1200E036.0141238090.0000000000L000770AD)",
        &["position", FIX],
    );
    check(
        "(027044702512BR00250514A2101.6800N10551.1200E036.01412389001000000L000,250514,141239)",
        &["position", FIX],
    );
    let login = replied("position", "(027044702512AP05)");
    let message =
        "(027044702512BP05000027044702512250514A2101.6800N10551.1200E036.0141238090.0000000000L00000000)";
    check(message, &[&login, FIX]);
    let login = replied("position that cannot be read", "(027044702512AP05)");
    let nowhere = "warning: position 91.028, 105.852 is not on the earth";
    check(&message.replace("2101", "9101"), &[&login, nowhere]);
    let not = FIX.replace("21.02800,105.85200", "-21.02800,-105.85200") + " not valid";
    check(
        "(027044702512BR00250514V2101.6800S10551.1200W036.0141238090.0001000000L00000000)",
        &["position", &not],
    );
}

#[test]
fn between_commas() {
    check(
        "(027044702512,DW30,140525,A,2101.68000N,10551.12000E,36.0,141238,90.00,43.40,12)",
        &["position", FIX],
    );
    check("(027044702512,ZC11,140525,A,2101.6800N,10551.1200E,036.000,141238,090.0)", &["position", FIX]);
    check(
        "(027044702512,BQ81,ALARM,1,5,140525,A,2101.6800N,10551.1200E,036.0,141238,90.0,1)",
        &["position", FIX],
    );
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    check("(027044702512BP00027044702512HSO01A4)", &[&replied("login", "(027044702512AP01HSO)")]);
    check("(027044702512,ZC20,140525,141238,6,392,65535,255)", &["battery"]);
    check("(027044702512,DW5B,452,4,5995,47701,0,140525,141238)", &["cells"]);
    check("(027044702512BZ00,{452,4,20949,58711}\n,01000000)", &["cells"]);
    check("(027044702512BV005J6RW2H53HL066029)", &["kind without a position"]);
    check("(027044702512BQ86,0,05470c0eb20d,250514141238,01000001)", &["no position in it"]);
}

#[test]
fn a_text_may_hold_parentheses() {
    let text = "(027044702512,ZC03,140525,141238,$interval (30 s)\nSOS: On$)";
    check(text, &["answer to a command", "answered: interval (30 s)\nSOS: On"]);
}

#[test]
fn orders() {
    let session = Session { device: Some("027044702512".to_owned()), ..Session::default() };
    let order = |order: Order| encode(&session, &order, 1).map(|b| String::from_utf8_lossy(&b).into_owned());
    assert_eq!(order(Order::Locate), Ok("(027044702512AP00)".to_owned()));
    assert_eq!(order(Order::ReportEvery { seconds: 30 }), Ok("(027044702512AR00001E0000)".to_owned()));
    assert!(order(Order::Text("(".to_owned())).is_err());
    assert!(encode(&Session::default(), &Order::Locate, 1).is_err());
}

#[test]
fn it_finds_back_after_noise() {
    finds_back(
        &PROTOCOL,
        b"(027044702512,DW30,140525,A,2101.68000N,10551.12000E,36.0,141238,90.00,43.40,12)",
    );
}

#[test]
fn ignition_and_the_call_for_help() {
    let fixed =
        |kind: &str, tail: &str| format!("(027044702512{kind}250514A2101.6800N10551.1200E036.0141238{tail})");
    let commas = |kind: &str| {
        format!("(027044702512,{kind},140525,A,2101.6800N,10551.1200E,036.0,141238,090.0,01000000,L0)")
    };
    let day = [
        fixed("BR00", "090.0001000000L00000000"),
        fixed("BR00", " 90.0000000000L00000000"),
        fixed("BR00", "9001000000L000"),
        fixed("BR00", "090.00"),
        fixed("BO012", "090.0000000000L000770AD"),
        fixed("BO013", "090.0001000000L000770AD"),
        commas("BP05"),
        commas("ZC25"),
        commas("DW3E"),
        commas("ZC15"),
        commas("ZC16"),
    ];
    let want = [
        "engine on",
        "engine off",
        "engine on",
        "",
        "engine off, sos",
        "engine on",
        "",
        "sos",
        "sos",
        "engine on",
        "engine off",
    ];
    assert_eq!(told(&PROTOCOL, day.concat().as_bytes()), want);
    day.iter().for_each(|message| survives(&PROTOCOL, message.as_bytes()));
}
