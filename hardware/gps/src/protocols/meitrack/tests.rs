//! Messages made for this project.

use super::super::testing::{finds_back, lines_with_warnings as lines, survives, told};
use super::super::{Order, Session, Source};
use super::{PROTOCOL, answer, encode};

const FIX: &str = "861451040910625 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";

/// `$$A`, length, device, kind, body, star, sum.
fn message(kind: &str, body: &[u8]) -> Vec<u8> {
    let rest = [b",861451040910625,", kind.as_bytes(), b",", body, b"*"].concat();
    let head = [format!("$$A{}", rest.len() + 4).as_bytes(), &rest].concat();
    let sum = head.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b));
    [&head[..], format!("{sum:02X}\r\n").as_bytes()].concat()
}

#[track_caller]
fn check(message: &[u8], want: &[&str]) {
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), message), want);
    survives(&PROTOCOL, message);
    for end in 1..message.len() {
        let cut = lines(&PROTOCOL, &mut Session::default(), &message[..end]);
        assert!(cut.is_empty(), "cut at {end}: {cut:?}");
    }
}

fn replied(note: &str, reply: &[u8]) -> String {
    format!("{note} {}", crate::protocols::bytes::hex(reply))
}

const TEXT: &str = "35,21.028000,105.852000,250514141238,A,8,23,36,90,0.9,12,198825,552588,452|4|0087|7B5A,0200,3|0|0|1A6|571,1,,";

#[test]
fn text() {
    check(&message("AAA", TEXT.as_bytes()), &["position", FIX]);
    check(&message("AAA", format!("12,{TEXT}").as_bytes()), &["position", FIX]);
    let not = FIX.replace("21.02800,105.85200", "-21.02800,-105.85200") + " not valid";
    let south = TEXT.replace("21.028", "-21.028").replace("105.852", "-105.852").replace(",A,", ",V,");
    check(&message("AAA", south.as_bytes()), &["position", &not]);
    // The line end may be missing in a datagram.
    let whole = message("AAA", TEXT.as_bytes());
    let mut session = Session { source: Source::Datagram, ..Session::default() };
    assert_eq!(lines(&PROTOCOL, &mut session, &whole[..whole.len() - 2]), ["position", FIX]);
}

fn record() -> Vec<u8> {
    let mut record = vec![35];
    record.extend(21_028_000_i32.to_le_bytes());
    record.extend(105_852_000_i32.to_le_bytes());
    record.extend((1_747_231_958_u32 - 946_684_800).to_le_bytes());
    record.extend([1, 8, 23, 36, 0, 90, 0, 9, 0, 12, 0]);
    record.resize(52, 0);
    record
}

#[test]
fn records_of_fixed_layout() {
    let body = [&[2, 1, 52, 0, 1, 0, 0, 0][..], &record(), &record()].concat();
    let taken = replied("positions", &answer('A', "861451040910625", "CCC,2"));
    check(&message("CCC", &body), &[&taken, FIX, FIX]);
    // One that is not on the earth is counted, too.
    let mut off = record();
    off[1..5].copy_from_slice(&91_000_000_i32.to_le_bytes());
    let body = [&[2, 1, 52, 0, 1, 0, 0, 0][..], &off, &record()].concat();
    let warning =
        "warning: 1 of 2 positions left out, the first because: position 91, 105.852 is not on the earth";
    check(&message("CCC", &body), &[&taken, FIX, warning]);
}

/// One record; its event, 35, in one byte.
fn values() -> Vec<u8> {
    let mut values = vec![1, 0, 4, 0x01, 35, 0x05, 1, 0x06, 8, 0xfe, 0x69, 99];
    values.extend([3, 0x08, 36, 0, 0x09, 90, 0, 0x0b, 12, 0, 3, 0x02]);
    values.extend(21_028_000_i32.to_le_bytes());
    values.push(0x03);
    values.extend(105_852_000_i32.to_le_bytes());
    values.push(0x04);
    values.extend((1_747_231_958_u32 - 946_684_800).to_le_bytes());
    values.extend([1, 0x2a, 3, 1, 2, 3]);
    values
}

#[test]
fn records_of_numbered_values() {
    let values = values();
    let length = u8::try_from(values.len()).expect("short");
    let body = [&[0, 0, 0, 0, 1, 0, length, 0][..], &values].concat();
    check(&message("CCE", &body), &["positions", FIX]);
    // Without its time; one that tells no place; one that ends before its values.
    let [mut timeless, mut placeless] = [values.clone(), values.clone()];
    let at = values.len() - 11;
    assert_eq!((values[at], values[at - 5], values[at - 10]), (0x04, 0x03, 0x02));
    timeless[at] = 0x2b;
    placeless[at - 10] = 0x2b;
    let body =
        [&[0, 0, 0, 0, 4, 0, length, 0][..], &timeless, &[length, 0], &placeless, &[length, 0]].concat();
    let body = [&body[..], &values, &[3, 0, 1, 0, 9]].concat();
    let warning = "warning: 2 of 3 positions left out, the first because: a place without a time";
    check(&message("CCE", &body), &["positions", FIX, warning]);
}

#[test]
fn other_kinds() {
    check(&message("AAC", b"1"), &[&replied("heartbeat", &answer('z', "861451040910625", "AAC,1"))]);
    check(&message("D03", b"OK"), &["photograph"]);
    check(&message("A10", b"OK"), &["answer to a command", "answered: A10,OK"]);
}

#[test]
fn orders() {
    let session = Session { device: Some("861451040910625".to_owned()), ..Session::default() };
    let order = encode(&session, &Order::Locate, 16).map(|b| String::from_utf8_lossy(&b).into_owned());
    // The example of the maker's manual but for the sum.
    assert_eq!(order.as_deref().map(|text| &text[..26]), Ok("@@Q25,861451040910625,A10*"));
}

#[test]
fn damage_says_why_and_is_left_behind() {
    let mut broken = message("AAA", TEXT.as_bytes());
    broken[40] ^= 1;
    let got = lines(&PROTOCOL, &mut Session::default(), &broken);
    assert!(got[0].starts_with("bad: checksum"), "{}", got[0]);
    finds_back(&PROTOCOL, &message("AAA", TEXT.as_bytes()));
}

#[test]
fn event_1_is_the_call_for_help() {
    let text = |event: &str| message("AAA", TEXT.replacen("35,", event, 1).as_bytes());
    let day = [text("1,"), text("12,1,"), text("1,35,"), text("9,")];
    assert_eq!(told(&PROTOCOL, &day.concat()), ["sos", "sos", "", ""]);
    let day = [fixed(&[(0, 1), (5, 35)]), fixed(&[(9, 9)])];
    assert_eq!(told(&PROTOCOL, &day.concat()), ["sos", "", ""]);
    let day = [numbered(&[(0, 1), (5, 35)]), numbered_wide(0, 1), numbered_wide(5, 0x0101)];
    assert_eq!(told(&PROTOCOL, &day.concat()), ["sos", "", "sos", ""]);
    day.iter().for_each(|message| survives(&PROTOCOL, message));
}

#[test]
fn an_input_that_comes_on_with_the_power_calls_nobody() {
    for records in [fixed as fn(&[(u8, u8)]) -> Vec<u8>, numbered] {
        let starts = records(&[(0, 35), (3, 22), (4, 1), (5, 35)]);
        assert_eq!(told(&PROTOCOL, &starts), ["", "", "", ""]);
        // Each in a message of its own: three seconds later; then somebody calls; somebody called before the power came back.
        let day = [records(&[(10, 22)]), records(&[(13, 1)]), records(&[(14, 1)]), records(&[(9, 1)])];
        assert_eq!(told(&PROTOCOL, &day.concat()), ["", "", "sos", "sos"]);
    }
}

/// Records by their second and their event.
fn fixed(records: &[(u8, u8)]) -> Vec<u8> {
    let mut body = vec![2, 1, 52, 0, 1, 0, 0, 0];
    for &(second, event) in records {
        let mut record = record();
        record[0] = event;
        record[9] += second;
        body.extend(record);
    }
    message("CCC", &body)
}

/// The same, where the event has one byte.
fn numbered(records: &[(u8, u8)]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, u8::try_from(records.len()).expect("few"), 0];
    for &(second, event) in records {
        let mut values = values();
        let at = values.len() - 10;
        (values[4], values[at]) = (event, values[at] + second);
        body.extend([u8::try_from(values.len()).expect("short"), 0]);
        body.extend(values);
    }
    message("CCE", &body)
}

/// One record whose event has two bytes.
fn numbered_wide(second: u8, event: u16) -> Vec<u8> {
    let mut values = values();
    let at = values.len() - 10;
    values[at] += second;
    let [low, high] = event.to_le_bytes();
    // Without the narrow one, and with four values of two bytes instead of three.
    values.splice(12..13, [4, 0x40, low, high]);
    values.splice(2..5, [3]);
    let body = [&[0, 0, 0, 0, 1, 0, u8::try_from(values.len()).expect("short"), 0][..], &values].concat();
    message("CCE", &body)
}
