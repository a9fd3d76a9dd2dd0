//! Wialon IPS 1 and 2: lines `#kind#fields`, semicolons between the fields, `NA` for what is not known.
//!
//! Version 2 adds a CRC-16 of the fields as the last of them, the semicolon before it included.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::bytes::crc16_arc;
use super::detect::{self, Detected};
use super::kept::Kept;
use super::order::{Answer, Order};
use super::text::{Piece, degrees_minutes, optional, pairs, piece};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "wialon",
    default_port: 5039,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: Some(encode),
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    match piece(session, buf, b"\r\n") {
        Ok(Piece { used, text }) => Decoded::of(used, line(session, text.trim(), now)),
        Err(decoded) => *decoded,
    }
}

fn line(session: &mut Session, line: &str, now: UtcMillis) -> Result<Message, String> {
    // Datagrams name the device before the first mark, the version before that.
    let (name, rest) = line.split_once('#').ok_or("no # in it")?;
    let (kind, body) = rest.split_once('#').ok_or("one # in it, two are the least")?;
    if let Some(name) = name.rsplit(';').next().filter(|name| !name.is_empty()) {
        session.checksums |= line.starts_with("2.");
        session.device = Some(name.to_owned());
    }
    match kind {
        "L" => login(session, body),
        "P" => Ok(Message { reply: b"#AP#\r\n".to_vec(), ..Message::note("heartbeat") }),
        "D" | "SD" => {
            let (body, warning) = checked(session, body)?;
            let (fix, code, wrong) = match position(session, body, now) {
                Ok(fix) => (fix, TAKEN, None),
                Err(Wrong { code, why }) => (None, code, Some(why)),
            };
            let note = match (&fix, &wrong) {
                (Some(_), _) => "position",
                (None, None) => "no position in it",
                (None, Some(_)) => "position that cannot be read",
            };
            let (fixes, reply) = (fix.into_iter().collect(), format!("#A{kind}#{code}\r\n").into_bytes());
            Ok(Message { fixes, reply, warning: warning.or(wrong), ..Message::note(note) })
        }
        "B" => batch(session, body, now),
        "M" => {
            let (body, warning) = checked(session, body)?;
            let answer = Some(Answer { tag: None, text: body.trim_end_matches(';').to_owned() });
            Ok(Message { reply: b"#AM#1\r\n".to_vec(), answer, warning, ..Message::note("message") })
        }
        "I" | "QI" | "QT" | "IT" | "T" | "US" | "UC" | "AV" => Ok(Message::note("kind without a position")),
        _ => Err(format!("kind {kind:?} is not known")),
    }
}

/// Device and password; before them the version, since version 2.
fn login(session: &mut Session, body: &str) -> Result<Message, String> {
    let second = body.split_once(';').filter(|(version, _)| version.contains('.'));
    session.checksums = second.is_some();
    let warning = checked(session, body)?.1;
    let device = second.map_or(body, |(_, rest)| rest).split(';').next().unwrap_or("").trim();
    if device.is_empty() || device == "NA" {
        return Err("a login without the name of a device".to_owned());
    }
    session.device = Some(device.to_owned());
    Ok(Message { reply: b"#AL#1\r\n".to_vec(), warning, ..Message::note("login") })
}

/// Without the checksum, and what is wrong with it.
fn checked<'a>(session: &Session, body: &'a str) -> Result<(&'a str, Option<String>), String> {
    let sum = body.rsplit_once(['|', ';']).map_or("", |(_, sum)| sum);
    let got = (sum.len() == 4).then(|| u16::from_str_radix(sum, 16).ok()).flatten();
    let Some(got) = got.filter(|_| session.checksums) else {
        return Ok((body, None));
    };
    let fields = &body[..body.len() - 4];
    let want = crc16_arc(fields.as_bytes());
    if got == want {
        return Ok((fields, None));
    }
    Ok((fields, session.damage(format!("checksum 0x{got:04x}, expected 0x{want:04x}"))?))
}

/// What a position is answered with (Wialon IPS 2.0, packets SD and D).
const TAKEN: i8 = 1;
const WRONG_STRUCTURE: i8 = -1;
const WRONG_TIME: i8 = 0;
const WRONG_COORDINATES: i8 = 10;

/// What is wrong with a position, for the device and in words.
struct Wrong {
    code: i8,
    why: String,
}

impl Wrong {
    fn of(code: i8) -> impl Fn(String) -> Self {
        move |why| Self { code, why }
    }
}

/// Stored positions, bars between them. One that cannot be read is left out: the device would repeat all of them for ever.
fn batch(session: &mut Session, body: &str, now: UtcMillis) -> Result<Message, String> {
    let (body, warning) = checked(session, body)?;
    let (mut kept, mut count) = (Kept::default(), 0);
    for one in body.split('|').filter(|one| !one.is_empty()) {
        count += 1;
        match position(session, one, now) {
            Ok(Some(fix)) => kept.take(Ok(fix)),
            Ok(None) => {}
            Err(Wrong { why, .. }) => kept.take(Err(why)),
        }
    }
    let reply = format!("#AB#{count}\r\n").into_bytes();
    let warning = warning.or(kept.warning());
    Ok(Message { fixes: kept.good, reply, warning, ..Message::note("positions") })
}

/// Date, time, latitude, N or S, longitude, E or W, speed in km/h, course, height, satellites; HDOP, inputs, outputs, analogue
/// inputs, key, parameters.
fn position(session: &Session, body: &str, now: UtcMillis) -> Result<Option<Fix>, Wrong> {
    let parts: Vec<&str> = body.split(';').map(str::trim).collect();
    if parts.len() < 10 {
        return Err(Wrong::of(WRONG_STRUCTURE)(format!("{} fields, ten are the least", parts.len())));
    }
    let known = |i: usize| Some(parts[i]).filter(|text| !matches!(*text, "" | "NA"));
    let at = match (known(0), known(1)) {
        (Some(date), Some(time)) => {
            when(session.zone(PROTOCOL.zone), date, time).map_err(Wrong::of(WRONG_TIME))?
        }
        _ => now,
    };
    let (Some(lat), Some(north), Some(lon), Some(east)) = (known(2), known(3), known(4), known(5)) else {
        return Ok(None);
    };
    let place = || Fix::at(at, degrees_minutes(lat, north)?, degrees_minutes(lon, east)?);
    let fix = place().map_err(Wrong::of(WRONG_COORDINATES))?;
    Ok(Some(Fix {
        device: session.device.clone(),
        speed: MetersPerSecond::from_kmh(known(6).and_then(optional).unwrap_or(0.0).max(0.0)),
        course: known(7).and_then(optional).map(Degrees),
        altitude: known(8).and_then(optional).map(Meters),
        valid: known(9).and_then(optional).is_none_or(|satellites| satellites >= 3.0),
        told: Told { sos: parts.get(PARAMETERS).is_some_and(|all| calls_for_help(all)), ..Told::default() },
        ..fix
    }))
}

const PARAMETERS: usize = 15;

/// Parameters of name, type (1 whole, 2 with decimals, 3 text) and value, commas between them: the alarm button is named `SOS`.
fn calls_for_help(parameters: &str) -> bool {
    parameters.split(',').any(|parameter| {
        let mut facts = parameter.trim().splitn(3, ':');
        facts.next().is_some_and(|name| name.eq_ignore_ascii_case("SOS"))
            && facts.nth(1).and_then(optional).is_some_and(|value| value != 0.0)
    })
}

fn when(zone: Zone, date: &str, time: &str) -> Result<UtcMillis, String> {
    let ([day, month, year], [hour, minute, second]) = (pairs(date)?, pairs(time)?);
    utc(zone, [year, month, day, hour, minute, second])
}

/// A datagram of version 1 begins with the name of the device: an IMEI or another number, and `#`.
fn detect(buf: &[u8]) -> Detected {
    let beginnings: &[&[u8]] = &[b"#L#", b"#D#", b"#SD#", b"#B#", b"#P#", b"#M#", b"2.0;"];
    let digits = buf.iter().take_while(|b| b.is_ascii_digit()).count();
    match (detect::begins(buf, beginnings), digits, buf.get(digits)) {
        (Detected::No, 8..=20, Some(b'#')) => Detected::Yes,
        (Detected::No, 1..=20, None) => Detected::Perhaps,
        (detected, ..) => detected,
    }
}

/// `#M#text`, with its checksum since version 2.
fn encode(session: &Session, order: &Order, _tag: u16) -> Result<Vec<u8>, String> {
    let Order::Text(text) = order else {
        return Err("wialon: only a text can be sent".to_owned());
    };
    if session.checksums {
        let sum = crc16_arc(format!("{text};").as_bytes());
        return Ok(format!("#M#{text};{sum:04X}\r\n").into_bytes());
    }
    Ok(format!("#M#{text}\r\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines_with_warnings as lines, survives, told};
    use super::super::{Session, Source};
    use super::*;

    const FIX: &str = "352093081452251 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";

    #[track_caller]
    fn check(messages: &[&str], want: &[&str]) {
        let input = messages.concat();
        assert_eq!(lines(&PROTOCOL, &mut Session::default(), input.as_bytes()), want);
        for message in messages {
            survives(&PROTOCOL, message.as_bytes());
        }
    }

    fn replied(note: &str, reply: &str) -> String {
        format!("{note} {}", crate::protocols::bytes::hex(reply.as_bytes()))
    }

    const LOGIN: &str = "#L#352093081452251;NA\r\n";
    const BODY: &str = "140525;141238;2101.6800;N;10551.1200;E;36;90;12;7";

    #[test]
    fn version_1() {
        let login = replied("login", "#AL#1\r\n");
        let long = format!("#D#{BODY};1.1;0;0;14.7,0.02;NA;odo:2:0.0,soc:1:3\r\n");
        check(&[LOGIN, &long], &[&login, &replied("position", "#AD#1\r\n"), FIX]);
        check(&[LOGIN, &format!("#SD#{BODY}\r\n")], &[&login, &replied("position", "#ASD#1\r\n"), FIX]);
        let batch = format!("#B#{BODY}|{BODY};1.1;0;0;;NA;NA|what;|\r\n");
        let warning = "warning: 1 of 3 positions left out, the first because: 2 fields, ten are the least";
        check(&[LOGIN, &batch], &[&login, &replied("positions", "#AB#3\r\n"), FIX, FIX, warning]);
        check(&["#P#\r\n"], &[&replied("heartbeat", "#AP#\r\n")]);
        let answer = replied("message", "#AM#1\r\n");
        check(&[LOGIN, "#M#door closed\r\n"], &[&login, &answer, "answered: door closed"]);
    }

    #[test]
    fn a_position_that_cannot_be_read_is_answered_with_what_is_wrong() {
        for (wrong, code, why) in [
            ("140525;141238;2101.6800;N", "-1", "4 fields, ten are the least"),
            (&*BODY.replace("140525", "141325"), "0", "25-13-14 14:12:38 is not a date"),
            (&*BODY.replace("141238", "noon"), "0", "\"noon\" is not 3 pairs of digits"),
            (&*BODY.replace("2101", "9101"), "10", "position 91.028, 105.852 is not on the earth"),
            (&*BODY.replace(";N;", ";X;"), "10", "\"2101.6800\" \"X\" is not degrees and minutes"),
        ] {
            for kind in ["D", "SD"] {
                let answer = format!("#A{kind}#{code}\r\n");
                let want = [
                    replied("login", "#AL#1\r\n"),
                    replied("position that cannot be read", &answer),
                    format!("warning: {why}"),
                ];
                check(&[LOGIN, &format!("#{kind}#{wrong}\r\n")], &[&want[0], &want[1], &want[2]]);
            }
        }
    }

    #[test]
    fn version_2_adds_checksums() {
        let sealed = |kind: &str, body: &str| {
            format!("#{kind}#{body};{:04X}\r\n", crc16_arc(format!("{body};").as_bytes()))
        };
        let login = sealed("L", "2.0;352093081452251;");
        let ok = [replied("login", "#AL#1\r\n"), replied("position", "#AD#1\r\n"), FIX.to_owned()];
        let long = sealed("D", &format!("{BODY};1.1;0;0;;NA;NA"));
        check(&[&login, &long], &[&ok[0], &ok[1], &ok[2]]);
        let broken = long.replace("2101", "2102");
        let got = lines(&PROTOCOL, &mut Session::default(), format!("{login}{broken}").as_bytes());
        assert!(got[1].starts_with("bad: checksum 0x"), "{got:?}");
    }

    #[test]
    fn datagrams_name_the_device() {
        let mut session = Session { source: Source::Datagram, ..Session::default() };
        let got = lines(&PROTOCOL, &mut session, format!("352093081452251#SD#{BODY}").as_bytes());
        assert_eq!(got[1], FIX);
    }

    #[test]
    fn a_datagram_of_version_1_is_known_by_its_first_bytes() {
        let name = |buf: &str| detect::protocol_of(buf.as_bytes()).map(|found| found.map(|p| p.name));
        let datagram = format!("352093081452251#SD#{BODY}");
        assert_eq!(name(&datagram), Ok(Some("wialon")));
        assert_eq!(name(&format!("2.0;{datagram}")), Ok(Some("wialon")));
        for end in 1..16 {
            assert_eq!(name(&datagram[..end]), Ok(None), "{end}");
        }
        // What else begins with digits is no other's.
        assert_eq!(name("355797031609284\r\n"), Ok(Some("t55_nmea")));
        assert_eq!(name("355797031609284$GPRMC,"), Ok(Some("t55_nmea")));
        assert!(name("1234567#SD#").is_err() && name("123456789012345678901#SD#").is_err());
    }

    #[test]
    fn the_alarm_button_is_a_parameter() {
        let with = |parameters: &str| format!("#D#{BODY};1.1;0;0;;NA;{parameters}\r\n");
        let batch = format!("#B#{BODY}|{BODY};1.1;0;0;;NA;SOS:1:1|\r\n");
        let day = [
            LOGIN.to_owned(),
            with("SOS:1:1,temp:3:18"),
            with("temp:3:18,sos:1:1"),
            with("temp:3:18,SOS:1:0"),
            with("SOSO:1:1,text:3:SOS"),
            batch,
        ];
        assert_eq!(told(&PROTOCOL, day.concat().as_bytes()), ["sos", "sos", "", "", "", "sos"]);
        let sealed = |body: &str| format!("{body};{:04X}\r\n", crc16_arc(format!("{body};").as_bytes()));
        let login = format!("#L#{}", sealed("2.0;352093081452251;"));
        let second = format!("#D#{}", sealed(&format!("{BODY};1.1;0;0;;NA;SOS:1:1")));
        assert_eq!(told(&PROTOCOL, format!("{login}{second}").as_bytes()), ["sos"]);
    }

    #[test]
    fn what_is_not_known_is_no_position() {
        let got = lines(
            &PROTOCOL,
            &mut Session::default(),
            b"#D#NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;;NA;SOS:1:0\r\n",
        );
        assert_eq!(got, [replied("no position in it", "#AD#1\r\n")]);
        let weak = format!("#SD#{}\r\n", BODY.replace(";7", ";2"));
        let got = lines(&PROTOCOL, &mut Session::default(), weak.as_bytes());
        assert!(got[1].ends_with("not valid"), "{got:?}");
        let got = lines(&PROTOCOL, &mut Session::default(), b"#X#1\r\nhello\r\n");
        assert_eq!(got, ["bad: kind \"X\" is not known", "bad: no # in it"]);
    }
}
