//! Sentences made for this project.

use super::super::testing::{lines, survives, told};
use super::super::{Session, Source};
use super::PROTOCOL;

const FIX: &str = "355797031609284 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";

fn sealed(body: &str) -> String {
    format!("${body}*{:02X}", body.bytes().fold(0, |sum, b| sum ^ b))
}

#[track_caller]
fn check(messages: &[&str], want: &[&str]) {
    let input: String = messages.iter().map(|m| format!("{m}\r\n")).collect();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), input.as_bytes()), want);
    for message in messages {
        survives(&PROTOCOL, format!("{message}\r\n").as_bytes());
    }
}

const LOGIN: &str = "$IMEI=355797031609284";
const RMC: &str = "GPRMC,141238.000,A,2101.6800,N,10551.1200,E,19.438,90.0,140525,,";

#[test]
fn rmc() {
    check(&[LOGIN, &sealed(RMC)], &["login", "position", FIX]);
    check(&[LOGIN, &format!("${RMC}")], &["login", "position", FIX]);
    check(&[&format!("355797031609284${RMC}")], &["position", FIX]);
    check(&[&format!("4711/355797031609284/{}", sealed(RMC))], &["position", FIX]);
    check(&[&format!("{},11,355797031609284,1,090,086", sealed(RMC))], &["position", FIX]);
    let not = sealed(&RMC.replace(",A,", ",V,").replace("GP", "GN"));
    check(&[LOGIN, &not], &["login", "position", &format!("{FIX} not valid")]);
    let mut session = Session {
        source: Source::Datagram,
        device: Some("355797031609284".to_owned()),
        ..Session::default()
    };
    assert_eq!(lines(&PROTOCOL, &mut session, sealed(RMC).as_bytes()), ["position", FIX]);
}

#[test]
fn a_position_waits_for_a_name() {
    let waits = "position of a device without a name";
    check(&[&sealed(RMC), "$GPFID,355797031609284"], &[waits, "position", FIX]);
    check(&["$GPFID,355797031609284", &sealed(RMC)], &["login", "position", FIX]);
}

#[test]
fn who_speaks() {
    for login in [
        "355797031609284",
        "IMEI 355797031609284",
        "$PGID,355797031609284*0E",
        "$PCPTI,355797031609284,184453",
    ] {
        let login = login.replace("IMEI ", "IMEI=");
        let login = login.strip_suffix("*0E").map_or(login.clone(), |body| sealed(&body[1..]));
        check(&[&login, &sealed(RMC)], &["login", "position", FIX]);
    }
}

/// Noon of 2024-12-31 in UTC is before [`super::super::testing::NOW`], one minute to midnight.
#[test]
fn without_a_date_the_nearest_day_is_taken() {
    let late = FIX
        .replace("1747231958000", "1735689597000")
        .replace("36.0", "0.0")
        .replace("Some(90.0) None", "None Some(12.0)");
    check(
        &[LOGIN, &sealed("GPGGA,235957.0,2101.6800,N,10551.1200,E,1,05,1.7,12.0,M,35.1,M,,")],
        &["login", "position", &late],
    );
    let early = late.replace("1735689597000", "1735689601000");
    check(
        &[LOGIN, &sealed("GNGGA,000001.0,2101.6800,N,10551.1200,E,1,05,1.7,12.0,M,35.1,M,,")],
        &["login", "position", &early],
    );
}

#[test]
fn sentences_of_single_makers() {
    check(
        &[LOGIN, "$TRCCR,20250514141238.000,A,21.028000,105.852000,19.438,90.0,12.0,50,*3a"]
            .map(|m| m.trim_end_matches("*3a")),
        &["login", "position", &FIX.replace("None", "Some(12.0)")],
    );
    check(&["QZE,355797031609284,35,14052025,141238,21.028000,105.852000,36,90,A,0"], &["position", FIX]);
    let tagged = "$ID,355797031609284,1,2,GPSET,A,D,140525,T,141238,S,0:0,La,21.028,N,Lo,105.852,E,H,90.0,V,19.438,DD,0";
    check(&[tagged], &["position", FIX]);
    let pubx = "PUBX,00,235957.00,2101.6800,N,10551.1200,E,12.0,G3,4.1,5.2,36.0,90.0,0.0,,0.8,1.2,0.8,9,0,0";
    let late = FIX.replace("1747231958000", "1735689597000").replace("None", "Some(12.0)");
    check(&[LOGIN, &sealed(pubx)], &["login", "position", &late]);
    let rma = "GPRMA,V,2101.6800,N,10551.1200,E,,,19.438,90.0,11.,E";
    let now = FIX.replace("1747231958000", "1735689599000") + " not valid";
    check(&[LOGIN, &sealed(rma)], &["login", "position", &now]);
}

#[test]
fn no_position_comes_out_of_what_holds_none() {
    check(&[LOGIN, &sealed("GPRMC,141238,V,,,,,,,140525,,")], &["login", "no position in it"]);
    check(&[LOGIN, "$GPIOP,01000000,00000000,0.00"], &["login", "sentence without a position"]);
    let got = lines(&PROTOCOL, &mut Session::default(), b"GET / HTTP/1.1\r\n\r\n");
    assert!(got[0].starts_with("bad: \"GET"), "{got:?}");
    let got = lines(
        &PROTOCOL,
        &mut Session::default(),
        format!("{}\r\n", sealed(RMC).replace("2101", "2102")).as_bytes(),
    );
    assert!(got[0].starts_with("bad: checksum 0x"), "{got:?}");
}

#[test]
fn the_ignition() {
    let qze = "QZE,355797031609284,35,14052025,141238,21.028000,105.852000,36,90,A";
    let day = [
        LOGIN.to_owned(),
        format!("{qze},0"),
        format!("{qze},1"),
        qze.to_owned(),
        format!("{},11,355797031609284,1,090,086", sealed(RMC)),
        format!("{},11,355797031609284,0", sealed(RMC)),
        sealed(RMC),
    ];
    let want = ["engine off", "engine on", "", "engine on", "engine off", ""];
    assert_eq!(told(&PROTOCOL, format!("{}\r\n", day.join("\r\n")).as_bytes()), want);
}
