//! Reports and history as files, for whoever is signed in; each download is written down before it begins.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use control_center_gtfs::Zone;
use control_center_store::{AuditLine, PositionRow, ProbeLine, Span};
use models_domain::transit::passing::Passing;
use models_domain::{Meters, UtcMillis, VehicleId};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;

use super::by_vehicle::Taken;
use super::history::{Column, Encoder, Kind, Value};
use super::planned::{day_at, day_span};
use super::reports::{self, Asked};
use super::{by_vehicle, sheet};
use crate::auth::sessions::Session;
use crate::hall::Hall;

const CSV: &str = "text/csv; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PARQUET: &str = "application/vnd.apache.parquet";
const PAGE: u32 = 20_000;
/// Parts of a file that wait for a slow reader.
const PARTS: usize = 4;
/// A reader that takes nothing for so long makes room for others.
const READER: Duration = Duration::from_secs(60);

pub fn router(hall: &Arc<Hall>) -> Router {
    Router::new().route("/transit/{file}", get(download)).with_state(hall.clone())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    from: String,
    to: String,
    feed: String,
    vehicle: String,
    lang: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    ReportCsv,
    ReportXlsx,
    Vehicles,
    History(Of, Format),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Passings,
    Positions,
    Traffic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Parquet,
}

impl File {
    fn named(name: &str) -> Option<Self> {
        match name {
            "report.csv" => Some(Self::ReportCsv),
            "report.xlsx" => Some(Self::ReportXlsx),
            "vehicles.csv" => Some(Self::Vehicles),
            "passings.csv" => Some(Self::History(Of::Passings, Format::Csv)),
            "passings.parquet" => Some(Self::History(Of::Passings, Format::Parquet)),
            "positions.csv" => Some(Self::History(Of::Positions, Format::Csv)),
            "positions.parquet" => Some(Self::History(Of::Positions, Format::Parquet)),
            "traffic.csv" => Some(Self::History(Of::Traffic, Format::Csv)),
            "traffic.parquet" => Some(Self::History(Of::Traffic, Format::Parquet)),
            _ => None,
        }
    }

    /// Whether one vehicle's part of it may be asked for: the audit must not say that only that was taken where all was.
    fn is_by_vehicle(self) -> bool {
        match self {
            Self::Vehicles | Self::History(Of::Passings | Of::Positions, _) => true,
            Self::ReportCsv | Self::ReportXlsx | Self::History(Of::Traffic, _) => false,
        }
    }
}

async fn download(
    State(hall): State<Arc<Hall>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response<Body> {
    let Some(file) = File::named(&name) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "there are report.csv, report.xlsx, vehicles.csv, and passings, positions and traffic as .csv and .parquet",
        );
    };
    let asked = match Asked::read(&wanted.from, &wanted.to, &wanted.feed) {
        Ok(asked) => asked,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    if matches!(file, File::History(Of::Positions | Of::Traffic, _) | File::Vehicles) && asked.feed.is_some()
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            "feed: positions, vehicles and traffic are of no feed; for positions name a vehicle, or none",
        );
    }
    if !wanted.vehicle.is_empty() && !file.is_by_vehicle() {
        return refuse(
            StatusCode::BAD_REQUEST,
            "vehicle: only passings, positions and vehicles.csv are by vehicle; for others name none",
        );
    }
    let vehicle = match VehicleId::new(wanted.vehicle.clone()) {
        Ok(vehicle) => Some(vehicle),
        Err(_) if wanted.vehicle.is_empty() => None,
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "vehicle: is not the name of a bus"),
    };
    match answer(&hall, &session.user, file, &name, &asked, vehicle, &wanted.lang).await {
        Ok(response) => response,
        Err(err) => {
            tracing::error!("making {name}: {err:#}");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the hall cannot answer just now; its log says why")
        }
    }
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    (status, Json(json!({ "error": why }))).into_response()
}

async fn answer(
    hall: &Arc<Hall>,
    user: &str,
    file: File,
    name: &str,
    asked: &Asked,
    vehicle: Option<VehicleId>,
    language: &str,
) -> anyhow::Result<Response<Body>> {
    let zones = hall.transit.zones();
    let Some(zone) = zones.values().next().cloned() else {
        return Ok(refuse(StatusCode::NOT_FOUND, "there is no timetable yet"));
    };
    let Some(turn) = hall.transit.turn(user).await else {
        return Ok(refuse(StatusCode::TOO_MANY_REQUESTS, super::BUSY));
    };
    let days = asked.name(day_at(&zone, hall.clock.now()));
    let mut what = format!("file={name} days={days}");
    if let Some(feed) = &asked.feed {
        what += &format!(" feed={feed}");
    }
    if let Some(vehicle) = &vehicle {
        what += &format!(" vehicle={vehicle}");
    }
    let (purpose, action) = (String::new(), "download_buses".to_owned());
    let line = AuditLine { at: hall.clock.now(), user: user.to_owned(), action, purpose, what };
    // What cannot be written down is not done.
    hall.store.keep_audit(&line).await?;
    let (kind, body) = match file {
        File::ReportCsv => (CSV, Body::from(report_csv(&reports::report(hall, asked).await?)?)),
        File::ReportXlsx => (XLSX, Body::from(report_xlsx(hall, asked, language != "en").await?)),
        File::Vehicles => {
            let (mut days, _) = by_vehicle::days(hall, asked, u32::MAX, &Taken::default()).await?;
            days.retain(|day| vehicle.as_ref().is_none_or(|vehicle| day.vehicle == vehicle.as_str()));
            (CSV, Body::from(by_vehicle::csv(&days)?))
        }
        File::History(of, format) => {
            let (to, parts) = tokio::sync::mpsc::channel(PARTS);
            let (hall, asked) = (hall.clone(), asked.clone());
            tokio::spawn(async move {
                let done = history(&hall, &asked, vehicle, &zone, (of, format), &to).await;
                drop(turn);
                if let Err(err) = done {
                    tracing::error!("making a file of history: {err:#}");
                    // The reader sees that its file is not whole.
                    drop(to.send(Err(std::io::Error::other("the hall could not read on"))).await);
                }
            });
            let kind = match format {
                Format::Csv => CSV,
                Format::Parquet => PARQUET,
            };
            (kind, Body::from_stream(ReceiverStream::new(parts)))
        }
    };
    let (stem, end) = name.split_once('.').context("a file has an ending")?;
    let shown = format!("attachment; filename=\"buses-{stem}-{days}.{end}\"");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, &shown),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

type Parts = Sender<Result<Bytes, std::io::Error>>;

fn report_csv(told: &models_wire::v1::GetTransitReportResponse) -> anyhow::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in told.routes.iter().chain(&told.operators) {
        writer.serialize(sheet::Line::of(row)).context("writing a row")?;
    }
    Ok(writer.into_inner().context("writing rows")?.into())
}

async fn report_xlsx(hall: &Arc<Hall>, asked: &Asked, vietnamese: bool) -> anyhow::Result<Vec<u8>> {
    let (told, vehicles) = reports::with_vehicles(hall, asked, u32::MAX).await?;
    let made = tokio::task::spawn_blocking(move || sheet::workbook(&told, &vehicles, vietnamese));
    made.await.context("making a workbook")?
}

/// From the first service day's begin to the last one's end.
fn span(asked: &Asked, zone: &Zone, now: UtcMillis) -> Option<Span> {
    let today = day_at(zone, now);
    let (from, to) = asked.days.unwrap_or((today, today));
    Some(Span { from: day_span(zone, from)?.from, to: day_span(zone, to)?.to })
}

const PASSING: &[Column] = &[
    ("feed", Kind::Text),
    ("service_day", Kind::Text),
    ("route", Kind::Text),
    ("direction", Kind::Count),
    ("trip", Kind::Text),
    ("trip_start_s", Kind::Count),
    ("vehicle", Kind::Text),
    ("call", Kind::Count),
    ("stop", Kind::Text),
    ("at", Kind::Moment),
    ("due", Kind::Moment),
    ("late_s", Kind::Number),
    ("gap_s", Kind::Number),
];

fn passing(p: &Passing) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        text(p.feed.as_str()),
        Value::Text(p.run.date.to_string()),
        text(p.route.as_str()),
        p.direction.map_or(Value::Missing, |d| Value::Count(d.into())),
        text(p.run.trip.as_str()),
        p.run.start_s.map_or(Value::Missing, |s| Value::Count(s.into())),
        text(p.vehicle.as_str()),
        Value::Count(p.call as i64),
        text(p.stop.as_str()),
        Value::Moment(p.at),
        p.late().map_or(Value::Missing, |_| Value::Moment(p.due)),
        p.late().map_or(Value::Missing, |late| Value::Number(late.seconds())),
        Value::Number(p.gap.seconds()),
    ]
}

const TRAFFIC: &[Column] = &[
    ("from", Kind::Moment),
    ("segment", Kind::Text),
    ("from_stop", Kind::Text),
    ("to_stop", Kind::Text),
    ("length_m", Kind::Number),
    ("buses", Kind::Count),
    ("speed_kmh", Kind::Number),
    ("travel_s", Kind::Number),
    ("stands_s", Kind::Number),
    ("newest", Kind::Moment),
];

/// Five minutes of a segment.
fn traffic(line: ProbeLine) -> Vec<Value> {
    let tenths = |v: f64| Value::Number((v * 10.0).round() / 10.0);
    let (sum, length) = (line.row.sum, Meters(line.length_m));
    vec![
        Value::Moment(line.row.bucket),
        Value::Text(line.row.segment),
        Value::Text(line.from),
        Value::Text(line.to),
        tenths(line.length_m),
        Value::Count(sum.buses.into()),
        sum.speed().map_or(Value::Missing, |s| tenths(s.kmh())),
        sum.travel_time(length).map_or(Value::Missing, |t| tenths(t.seconds())),
        tenths(sum.stands().seconds()),
        Value::Moment(sum.newest),
    ]
}

const POSITION: &[Column] = &[
    ("vehicle", Kind::Text),
    ("at", Kind::Moment),
    ("received", Kind::Moment),
    ("lat", Kind::Number),
    ("lon", Kind::Number),
    ("speed_kmh", Kind::Number),
    ("course_deg", Kind::Number),
    ("protocol", Kind::Text),
    ("rejected", Kind::Text),
];

fn position(r: PositionRow) -> Vec<Value> {
    vec![
        Value::Text(r.vehicle),
        Value::Moment(r.at),
        Value::Moment(r.received),
        Value::Number(r.position.lat.0),
        Value::Number(r.position.lon.0),
        Value::Number((r.speed.kmh() * 10.0).round() / 10.0),
        r.course_deg.map_or(Value::Missing, Value::Number),
        Value::Text(r.protocol),
        r.rejected.map_or(Value::Missing, Value::Text),
    ]
}

async fn history(
    hall: &Hall,
    asked: &Asked,
    vehicle: Option<VehicleId>,
    zone: &Zone,
    (of, format): (Of, Format),
    to: &Parts,
) -> anyhow::Result<()> {
    let columns = match of {
        Of::Passings => PASSING,
        Of::Positions => POSITION,
        Of::Traffic => TRAFFIC,
    };
    let mut encoder = match format {
        Format::Csv => Encoder::csv(columns, zone.clone()),
        Format::Parquet => Encoder::parquet(columns)?,
    };
    let span = span(asked, zone, hall.clock.now()).context("these days have no end")?;
    match of {
        Of::Passings => {
            let mut place = (span.from, 0);
            while let Some((page, next)) = hall.store.passings_page(place, span.to, PAGE).await? {
                let wanted = |p: &&Passing| {
                    asked.feed.as_ref().is_none_or(|f| p.feed == *f)
                        && vehicle.as_ref().is_none_or(|v| p.vehicle == *v)
                };
                let rows: Vec<_> = page.iter().filter(wanted).map(passing).collect();
                if !give(to, encoder.part(&rows)?).await? {
                    return Ok(());
                }
                place = next;
            }
        }
        Of::Traffic => {
            // A road is of no operator: all of them run there.
            let mut place = (span.from, i64::MIN);
            while let Some((page, next)) = hall.store.probes_page(place, span.to, PAGE).await? {
                let rows: Vec<_> = page.into_iter().map(traffic).collect();
                if !give(to, encoder.part(&rows)?).await? {
                    return Ok(());
                }
                place = next;
            }
        }
        Of::Positions => {
            let vehicles = match vehicle {
                Some(vehicle) => vec![vehicle],
                None => hall.store.vehicles().await?,
            };
            for vehicle in vehicles {
                let mut place = (span.from, i64::MIN);
                while let Some((page, next)) =
                    hall.store.positions_page(&vehicle, place, span.to, PAGE).await?
                {
                    let rows: Vec<_> = page.into_iter().map(position).collect();
                    if !give(to, encoder.part(&rows)?).await? {
                        return Ok(());
                    }
                    place = next;
                }
            }
        }
    }
    give(to, encoder.end()?).await.map(drop)
}

/// Whether there is still somebody who reads.
async fn give(to: &Parts, part: Bytes) -> anyhow::Result<bool> {
    let given = tokio::time::timeout(READER, to.send(Ok(part))).await;
    Ok(given.context("its reader took nothing for a minute")?.is_ok())
}
