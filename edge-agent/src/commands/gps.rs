//! `edge-agent gps`: what a tracker's bytes mean, on a desk without a tracker.

use std::io::{BufRead, Write};

use anyhow::Context;
use hardware_gps::protocols::{self, Decoded, Fix, Protocol, Session, Source, Zone, Zones};
use hardware_ports::{Clock, SystemClock};
use models_domain::UtcMillis;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Decodes recorded messages of one connection: a line of hexadecimal digits in, JSON lines out.
    #[command(
        after_help = "Example:\n  echo 78780d01086471700328358100093f040d0a | edge-agent gps decode --protocol gt06"
    )]
    Decode(Decode),
}

#[derive(clap::Args)]
struct Decode {
    /// Name of the protocol, such as gt06; a wrong name lists the known ones.
    #[arg(long)]
    protocol: String,
    /// Zone of the device's clock, such as +07:00; else what the device says, or the protocol's own.
    #[arg(long, allow_hyphen_values = true)]
    zone: Option<Zone>,
    /// Refuse messages with a wrong checksum, as the service does, instead of reading them with a warning.
    #[arg(long)]
    strict: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Decode(args) => {
            let protocol = protocols::named(&args.protocol)?;
            let zones = Zones { otherwise: args.zone, ..Zones::default() };
            let source = if args.strict { Source::Live } else { Source::Recording };
            let session = Session::new(zones, source);
            let (stdin, stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
            decode(protocol, session, SystemClock::new().now(), stdin, stdout)
        }
    }
}

/// Reads messages until the end of `input`. Every line gives at least one row.
fn decode(
    protocol: &Protocol,
    mut session: Session,
    now: UtcMillis,
    input: impl BufRead,
    mut output: impl Write,
) -> anyhow::Result<()> {
    for (number, line) in (1_u64..).zip(input.lines()) {
        let line = line.with_context(|| format!("reading line {number} of standard input"))?;
        let rows = match bytes(line.trim()) {
            Some(bytes) => rows(protocol, &mut session, now, &bytes),
            None => vec![json!({"kind": "bad", "why": "not hexadecimal digits, two a byte"})],
        };
        for mut row in rows {
            row["line"] = number.into();
            match writeln!(output, "{row}") {
                // The reader has seen enough, as with `| head`.
                Err(err) if err.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                written => written.context("writing to standard output")?,
            }
        }
    }
    Ok(())
}

/// What one line holds: usually one message, sometimes several.
fn rows(protocol: &Protocol, session: &mut Session, now: UtcMillis, mut bytes: &[u8]) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let used = match (protocol.decode)(session, bytes, now) {
            Decoded::NeedMore => {
                rows.push(json!({"kind": "bad", "why": "the message is not complete"}));
                return rows;
            }
            Decoded::Bad { used, why } => {
                rows.push(json!({"kind": "bad", "why": why}));
                used
            }
            Decoded::Message(message) => {
                let warn = |mut row: Value| {
                    if let Some(warning) = &message.warning {
                        row["warning"] = warning.as_str().into();
                    }
                    row
                };
                if message.fixes.is_empty() {
                    rows.push(warn(json!({"kind": "none", "why": message.note})));
                }
                rows.extend(message.fixes.iter().map(fix).map(warn));
                message.used
            }
        };
        bytes = bytes.get(used.max(1)..).unwrap_or_default();
        if bytes.is_empty() {
            return rows;
        }
    }
}

fn fix(fix: &Fix) -> Value {
    let mut row = json!({
        "kind": "fix",
        "device": fix.device,
        "fix_time": rfc3339(fix.at),
        "lat": fix.position.lat.0,
        "lon": fix.position.lon.0,
        "speed_kmh": tenths(fix.speed.kmh()),
        "valid": fix.valid,
    });
    if let Some(course) = fix.course {
        row["course_deg"] = tenths(course.0).into();
    }
    if let Some(altitude) = fix.altitude {
        row["altitude_m"] = tenths(altitude.0).into();
    }
    row
}

/// No protocol is finer; without it, 36 km/h would read 35.99999.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn rfc3339(at: UtcMillis) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()?.format(&Rfc3339).ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| -> Option<u8> {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)
    };
    hex.as_bytes().chunks(2).map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(protocol: &str, input: &str, want: &str) {
        let mut output = Vec::new();
        let session = Session::new(Zones::default(), Source::Recording);
        let protocol = protocols::named(protocol).unwrap();
        decode(protocol, session, UtcMillis(0), input.as_bytes(), &mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), want);
    }

    #[test]
    fn every_line_gives_a_row() {
        check(
            "gt06",
            "7878\nxyz\n",
            concat!(
                r#"{"kind":"bad","line":1,"why":"the message is not complete"}"#,
                "\n",
                r#"{"kind":"bad","line":2,"why":"not hexadecimal digits, two a byte"}"#,
                "\n",
            ),
        );
    }

    #[test]
    fn an_unknown_protocol_lists_the_known() {
        let err = protocols::named("gps103").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(err.contains("gt06") && err.contains("jt808"), "{err}");
    }
}
