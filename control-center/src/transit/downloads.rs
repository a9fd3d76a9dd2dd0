//! Reports and history as files, for whoever is signed in; each download is written down before it begins.

use std::sync::Arc;

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use control_center_gtfs::Zone;
use control_center_store::{AuditLine, Span};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;

use super::reports::{self, Asked};
use super::sheet;
use crate::auth::sessions::Session;
use crate::hall::Hall;

const CSV: &str = "text/csv; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PAGE: u32 = 20_000;
/// Reports of one vehicle and at most 31 days: one each second of a day, or one each half minute of a month.
const POSITIONS_MAX: u32 = 100_000;
/// Parts of a file that wait for a slow reader.
const PARTS: usize = 4;
const DAY: DurationMs = DurationMs(24 * 3_600_000);

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
    Passings,
    Positions,
}

impl File {
    fn named(name: &str) -> Option<Self> {
        match name {
            "report.csv" => Some(Self::ReportCsv),
            "report.xlsx" => Some(Self::ReportXlsx),
            "passings.csv" => Some(Self::Passings),
            "positions.csv" => Some(Self::Positions),
            _ => None,
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
            "there are report.csv, report.xlsx, passings.csv and positions.csv",
        );
    };
    let asked = match Asked::read(&wanted.from, &wanted.to, &wanted.feed) {
        Ok(asked) => asked,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
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
    let days = asked.name(zone.date(hall.clock.now() - super::DAY_BEGINS));
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
        File::ReportXlsx => {
            let told = reports::report(hall, asked).await?;
            let vietnamese = language != "en";
            let made = tokio::task::spawn_blocking(move || sheet::workbook(&told, vietnamese));
            (XLSX, Body::from(made.await.context("making a workbook")??))
        }
        File::Passings | File::Positions => {
            let (to, parts) = tokio::sync::mpsc::channel(PARTS);
            let (hall, asked) = (hall.clone(), asked.clone());
            tokio::spawn(async move {
                let done = if file == File::Passings {
                    passings(&hall, &asked, vehicle.as_ref(), &zone, &to).await
                } else {
                    positions(&hall, &asked, vehicle, &zone, &to).await
                };
                if let Err(err) = done {
                    tracing::error!("making a file of history: {err:#}");
                    // The reader sees that its file is not whole.
                    drop(to.send(Err(std::io::Error::other("the hall could not read on"))).await);
                }
            });
            (CSV, Body::from_stream(ReceiverStream::new(parts)))
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

/// Rows as a part of a CSV file; with a line of names when they are the first.
fn csv_part<T: Serialize>(rows: impl IntoIterator<Item = T>, first: bool) -> anyhow::Result<Bytes> {
    let mut writer = csv::WriterBuilder::new().has_headers(first).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).context("writing a row")?;
    }
    Ok(writer.into_inner().context("writing rows")?.into())
}

fn report_csv(told: &models_wire::v1::GetTransitReportResponse) -> anyhow::Result<Bytes> {
    csv_part(told.routes.iter().chain(&told.operators).map(sheet::Line::of), true)
}

/// From the first service day's begin to the last one's end.
fn span(asked: &Asked, zone: &Zone, now: UtcMillis) -> Span {
    let today = zone.date(now - super::DAY_BEGINS);
    let (from, to) = asked.days.unwrap_or((today, today));
    let begin = |day| zone.service_day(day).start + super::DAY_BEGINS;
    Span { from: begin(from), to: begin(to) + DAY }
}

#[derive(Serialize)]
struct PassingLine<'a> {
    feed: &'a str,
    service_day: String,
    route: &'a str,
    direction: Option<u8>,
    trip: &'a str,
    trip_start_s: Option<i32>,
    vehicle: &'a str,
    call: usize,
    stop: &'a str,
    at: String,
    due: String,
    late_s: f64,
    gap_s: f64,
}

async fn passings(
    hall: &Hall,
    asked: &Asked,
    vehicle: Option<&VehicleId>,
    zone: &Zone,
    to: &Parts,
) -> anyhow::Result<()> {
    let span = span(asked, zone, hall.clock.now());
    let mut place = (span.from, 0);
    let mut first = true;
    while let Some((page, next)) = hall.store.passings_page(place, span.to, PAGE).await? {
        let wanted = page.iter().filter(|p| {
            asked.feed.as_ref().is_none_or(|f| p.feed == *f) && vehicle.is_none_or(|v| p.vehicle == *v)
        });
        let lines = wanted.map(|p| PassingLine {
            feed: p.feed.as_str(),
            service_day: p.run.date.to_string(),
            route: p.route.as_str(),
            direction: p.direction,
            trip: p.run.trip.as_str(),
            trip_start_s: p.run.start_s,
            vehicle: p.vehicle.as_str(),
            call: p.call,
            stop: p.stop.as_str(),
            at: zone.iso(p.at),
            due: zone.iso(p.due),
            late_s: p.late().seconds(),
            gap_s: p.gap.seconds(),
        });
        let part = csv_part(lines, first)?;
        first = first && part.is_empty();
        if to.send(Ok(part)).await.is_err() {
            return Ok(());
        }
        place = next;
    }
    Ok(())
}

#[derive(Serialize)]
struct PositionLine<'a> {
    vehicle: &'a str,
    at: String,
    received: String,
    lat: f64,
    lon: f64,
    speed_kmh: f64,
    course_deg: Option<f64>,
    protocol: &'a str,
    rejected: Option<&'a str>,
}

async fn positions(
    hall: &Hall,
    asked: &Asked,
    vehicle: Option<VehicleId>,
    zone: &Zone,
    to: &Parts,
) -> anyhow::Result<()> {
    let span = span(asked, zone, hall.clock.now());
    let vehicles = match vehicle {
        Some(vehicle) => vec![vehicle],
        None => hall.store.vehicles().await?,
    };
    let mut first = true;
    for vehicle in vehicles {
        let rows = hall.store.positions(&vehicle, span, POSITIONS_MAX).await?;
        anyhow::ensure!(
            rows.len() < POSITIONS_MAX as usize,
            "{vehicle} reported too often; ask for fewer days"
        );
        let lines = rows.iter().map(|r| PositionLine {
            vehicle: &r.vehicle,
            at: zone.iso(r.at),
            received: zone.iso(r.received),
            lat: r.position.lat.0,
            lon: r.position.lon.0,
            speed_kmh: (r.speed.kmh() * 10.0).round() / 10.0,
            course_deg: r.course_deg,
            protocol: &r.protocol,
            rejected: r.rejected.as_deref(),
        });
        let part = csv_part(lines, first)?;
        first = first && part.is_empty();
        if to.send(Ok(part)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
