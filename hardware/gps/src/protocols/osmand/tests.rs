//! Requests made for this project.

use super::super::testing::{lines_with_warnings as lines, survives, told};
use super::super::{Session, Source, Zones};
use super::*;

const FIX: &str = "123456 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";

fn replied(note: &str, reply: &[u8]) -> String {
    format!("{note} {}", crate::protocols::bytes::hex(reply))
}

#[track_caller]
fn check(request: &str, want: &[&str]) {
    let want: Vec<_> = want
        .iter()
        .enumerate()
        .map(|(i, line)| if i == 0 { replied(line, TAKEN) } else { (*line).to_owned() })
        .collect();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), request.as_bytes()), want);
    survives(&PROTOCOL, request.as_bytes());
    for end in 1..request.len() {
        let cut = lines(&PROTOCOL, &mut Session::default(), &request.as_bytes()[..end]);
        assert!(cut.is_empty(), "cut at {end}: {cut:?}");
    }
}

#[test]
fn queries() {
    let rest = "lat=21.028&lon=105.852&speed=19.438&bearing=90&altitude=12";
    for time in [
        "1747231958",
        "1747231958.0",
        "1747231958000",
        "2025-05-14T14%3A12%3A38Z",
        "2025-05-14+14:12:38",
        "2025-05-14T21:12:38.000%2B07:00",
        // A plus sign that was not encoded, and a zone without a colon.
        "2025-05-14T21:12:38+07:00",
        "2025-05-14T21:12:38+0700",
        "2025-05-14T10:12:38.000-0400",
    ] {
        check(
            &format!("GET /?id=123456&timestamp={time}&{rest} HTTP/1.1\r\nHost: a\r\n\r\n"),
            &["position", FIX],
        );
    }
    let form = format!(
        "id=123456&timestamp=1747231958&{}",
        rest.replace("lat=21.028&lon=105.852", "location=21.028,105.852")
    );
    let post = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    check(&post, &["position", FIX]);
    check("GET /?id=123456&cell=452,04,16,2224 HTTP/1.1\r\n\r\n", &["no position in it"]);
}

#[test]
fn json() {
    let body = r#"{"device_id":"123456","location":{"timestamp":"2025-05-14T14:12:38Z","coords":
        {"latitude":21.028,"longitude":105.852,"accuracy":5,"speed":10.0,"heading":90,"altitude":12},"extras":{}}}"#;
    let head = format!(
        "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    check(&format!("{head}{body}"), &["position", FIX]);
}

#[test]
fn json_of_a_device_that_the_address_names() {
    let body = r#"{"location":[{"timestamp":1747231958000,"coords":{"latitude":21.028,"longitude":105.852,
        "speed":10.0,"heading":90,"altitude":12}}]}"#;
    let head = format!(
        "POST /?id=123456 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    check(&format!("{head}{body}"), &["position", FIX]);
}

#[test]
fn the_zone_is_that_of_times_without_one() {
    let zones = Zones { otherwise: Some(Zone::VIETNAM), ..Zones::default() };
    let mut session = Session { zones, ..Session::default() };
    let request = b"GET /?id=1&timestamp=2025-05-14+21:12:38&lat=21.028&lon=105.852 HTTP/1.1\r\n\r\n";
    assert!(lines(&PROTOCOL, &mut session, request)[1].starts_with("1 1747231958000"));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let got = lines(&PROTOCOL, &mut Session::default(), b"GET /?lat=21&lon=105 HTTP/1.1\r\n\r\n");
    let refused = replied("request that cannot be read", REFUSED);
    assert_eq!(got, [refused.as_str(), "warning: no id in the request"]);
    let body = "{\"device_id\":\"1\"}";
    let head = "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n";
    let got = lines(&PROTOCOL, &mut Session::default(), format!("{head}{body}").as_bytes());
    assert_eq!(got[0], refused);
    let got = lines(&PROTOCOL, &mut Session::default(), b"\x01\x02\n\x03");
    assert!(got[0].starts_with("bad: not a request"), "{got:?}");
}

#[test]
fn a_device_with_an_impossible_position_need_not_send_it_again() {
    for (fields, why) in [
        ("timestamp=1747231958&lat=91&lon=105", "position 91, 105 is not on the earth"),
        ("timestamp=noon&lat=21&lon=105", "\"noon\" is not a time"),
        ("timestamp=-1e300&lat=21&lon=105", "\"-1e300\" is a time beyond all calendars"),
    ] {
        let request = format!("GET /?{fields}&id=123456 HTTP/1.1\r\n\r\n");
        check(&request, &["position that cannot be read", &format!("warning: {why}")]);
    }
}

#[test]
fn a_bad_location_does_not_cost_the_others() {
    let good = r#"{"timestamp":1747231958000,"coords":{"latitude":21.028,"longitude":105.852,"speed":10.0,
        "heading":90,"altitude":12}}"#;
    let off = good.replace("21.028", "91");
    let no_number = good.replace("21.028", "null");
    let request = |locations: &str| {
        let body = format!("{{\"device_id\":\"123456\",\"location\":{locations}}}");
        let kind = "Content-Type: application/json";
        format!("POST / HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let why = "left out, the first because: position 91, 105.852 is not on the earth";
    let mixed = request(&format!("[{off},{good},{no_number},7]"));
    check(&mixed, &["position", FIX, &format!("warning: 3 of 4 positions {why}")]);
    check(&request(&off), &["no position in it", &format!("warning: 1 of 1 positions {why}")]);
}

#[test]
fn what_cannot_be_read_beside_the_place_does_not_cost_it() {
    let still = FIX.replace("36.0", "0.0").replace("Some(12.0)", "None");
    for speed in ["", "NaN", "fast"] {
        let fields = format!("lat=21.028&lon=105.852&speed={speed}&bearing=90&altitude=");
        let request = format!("GET /?id=123456&timestamp=1747231958&{fields} HTTP/1.1\r\n\r\n");
        check(&request, &["position", &still]);
    }
    let of = |speed: &str| {
        let place = r#""latitude":21.028,"longitude":105.852,"heading":90,"altitude":[]"#;
        let coords = format!("{{{place},\"speed\":{speed}}}");
        let location = format!("{{\"timestamp\":1747231958000,\"coords\":{coords}}}");
        let body = format!("{{\"device_id\":\"123456\",\"location\":{location}}}");
        let kind = "Content-Type: application/json";
        format!("POST / HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for speed in ["\"\"", "\"fast\"", "null", "true", "{}"] {
        check(&of(speed), &["position", &still]);
    }
    check(&of("\"10\""), &["position", &FIX.replace("Some(12.0)", "None")]);
}

#[test]
fn names_of_no_vehicle_are_refused() {
    let (refused, longest) = (replied("request that cannot be read", REFUSED), "9".repeat(64));
    let query = |id: &str| {
        let fields = "timestamp=1747231958&lat=21.028&lon=105.852";
        format!("GET /?id={id}&{fields} HTTP/1.1\r\n\r\n")
    };
    let json = |id: &str| {
        let body = format!("{{\"device_id\":\"{id}\",\"location\":[]}}");
        let kind = "Content-Type: application/json";
        format!("POST / HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let long = format!("{longest}9");
    for (request, why) in [
        (query(&long), "warning: vehicle id"),
        (json(&long), "warning: vehicle id"),
        (json(""), "warning: no id in the request"),
        (json(" "), "warning: no id in the request"),
    ] {
        let got = lines(&PROTOCOL, &mut Session::default(), request.as_bytes());
        assert_eq!(got[0], refused);
        assert!(got[1].starts_with(why), "{got:?}");
    }
    for request in [query(&longest), json(&longest)] {
        let got = lines(&PROTOCOL, &mut Session::default(), request.as_bytes());
        assert!(got[0].ends_with(&crate::protocols::bytes::hex(TAKEN)), "{got:?}");
    }
}

/// A report of so many positions.
fn batch(count: usize) -> String {
    let one = r#"{"timestamp":1747231958000,"coords":{"latitude":21.028,"longitude":105.852,"speed":10.0,
        "heading":90,"altitude":12}}"#;
    let body = format!("{{\"device_id\":\"123456\",\"location\":[{}]}}", vec![one; count].join(","));
    let kind = "Content-Type: application/json";
    format!("POST / HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_batch_as_long_as_a_telephone_makes_it_is_read() {
    let request = batch(2000);
    assert!((200_000..MAX_BODY).contains(&request.len()), "{}", request.len());
    let got = lines(&PROTOCOL, &mut Session::default(), request.as_bytes());
    assert_eq!((got.len(), got[0].as_str()), (2001, replied("position", TAKEN).as_str()));
    assert!(got[1..].iter().all(|line| line == FIX));
    assert!(lines(&PROTOCOL, &mut Session::default(), &request.as_bytes()[..request.len() - 1]).is_empty());
}

#[test]
fn a_body_that_is_too_long_is_answered_and_left_out() {
    let request = batch(3000);
    let next =
        "GET /?id=123456&timestamp=1747231958&lat=21.028&lon=105.852&speed=19.438&bearing=90&altitude=12";
    let both = format!("{request}{next} HTTP/1.1\r\n\r\n");
    let length = request.len() - request.find("\r\n\r\n").expect("headers") - 4;
    let want = [
        replied("request that is too long", TOO_LARGE),
        format!("warning: a body of {length} bytes, 262144 are the most"),
        "rest of a request that is too long".to_owned(),
        replied("position", TAKEN),
        FIX.to_owned(),
    ];
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), both.as_bytes()), want);
    // In pieces, as it comes.
    let mut session = Session::default();
    let mut got: Vec<String> = Vec::new();
    for piece in both.as_bytes().chunks(40_000) {
        got.extend(lines(&PROTOCOL, &mut session, piece));
    }
    got.dedup();
    assert_eq!(got, want);
    // A datagram has no rest.
    let mut session = Session { source: Source::Datagram, ..Session::default() };
    let got = lines(&PROTOCOL, &mut session, request.as_bytes());
    assert_eq!(got, want[..2]);
    assert_eq!(lines(&PROTOCOL, &mut session, format!("{next} HTTP/1.1\r\n\r\n").as_bytes()), want[3..]);
}

#[test]
fn ignition_and_the_call_for_help() {
    let with = |fields: &str| {
        format!("GET /?id=1&timestamp=1747231958&lat=21.028&lon=105.852{fields} HTTP/1.1\r\n\r\n")
    };
    let day =
        ["&ignition=true", "&ignition=false&alarm=sos", "&ignition=maybe&alarm=overspeed", "", "&alarm=SOS"];
    let day = day.map(with).concat();
    assert_eq!(told(&PROTOCOL, day.as_bytes()), ["engine on", "engine off, sos", "", "", "sos"]);
}
