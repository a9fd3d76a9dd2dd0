//! A report as rows of a table: for CSV with names that programs read, for a workbook with words that people read.

use std::borrow::Cow;

use anyhow::Context;
use models_wire::v1::{GetTransitReportResponse, RouteDay};
use rust_xlsxwriter::{Format, Workbook, Worksheet};
use serde::Serialize;

use super::by_vehicle::VehicleDay;
use super::history::harmless;

/// A row of the CSV file; `route` is empty in an operator's, `feed` as well in that of what is of no known run.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    service_day: Cow<'a, str>,
    feed: Cow<'a, str>,
    operator: Cow<'a, str>,
    route: Cow<'a, str>,
    route_short_name: Cow<'a, str>,
    runs_scheduled: u32,
    runs_by_headway: u32,
    runs_whole: u32,
    runs_partial: u32,
    km_scheduled: f64,
    km_driven: f64,
    passings: u32,
    on_time: u32,
    early: u32,
    late: u32,
    /// Empty where no time was promised.
    late_mean_s: Option<f64>,
    headways: u32,
    /// Empty where no bus came after another.
    headway_variation: Option<f64>,
    excess_wait_s: Option<f64>,
    bunchings: u32,
    overspeeds: u32,
    overspeed_kmh_max: f64,
    vehicles: u32,
    positions_rejected: u32,
    /// Empty where no stop was passed.
    gap_median_s: Option<f64>,
    /// Empty where only the distance between buses is promised of some.
    runs_unseen: Option<u32>,
}

impl<'a> Line<'a> {
    pub fn of(r: &'a RouteDay) -> Self {
        let rounded = |v: f64, digits: i32| (v * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        Self {
            service_day: harmless(&r.day),
            feed: harmless(&r.feed),
            operator: harmless(&r.operator),
            route: harmless(&r.route),
            route_short_name: harmless(&r.short_name),
            runs_scheduled: r.runs_scheduled,
            runs_by_headway: r.runs_by_headway,
            runs_whole: r.runs_whole,
            runs_partial: r.runs_partial,
            km_scheduled: rounded(r.km_scheduled, 3),
            km_driven: rounded(r.km_driven, 3),
            passings: r.passings,
            on_time: r.on_time,
            early: r.early,
            late: r.late,
            late_mean_s: (timed(r) > 0).then(|| rounded(r.late_mean_s, 1)),
            headways: r.headways,
            headway_variation: (r.headways > 0).then(|| rounded(r.headway_variation, 3)),
            excess_wait_s: (r.headways > 0).then(|| rounded(r.excess_wait_s, 1)),
            bunchings: r.bunchings,
            overspeeds: r.overspeeds,
            overspeed_kmh_max: rounded(r.overspeed_kmh_max, 1),
            vehicles: r.vehicles,
            positions_rejected: r.positions_rejected,
            gap_median_s: (r.passings > 0).then(|| rounded(r.gap_median_s, 1)),
            runs_unseen: unseen(r),
        }
    }
}

enum Cell<'a> {
    Text(&'a str),
    Count(u32),
    Number(f64, &'static str),
    /// A part of a whole; empty when there is no whole.
    Share(u32, u32),
}

type Column<T> = (&'static str, &'static str, f64, fn(&T) -> Cell<'_>);

/// Vietnamese, English, width in characters, value.
const COLUMNS: [Column<RouteDay>; 23] = [
    ("Ngày", "Service day", 12.0, |r| Cell::Text(&r.day)),
    ("Đơn vị", "Operator", 28.0, |r| Cell::Text(&r.operator)),
    ("Tuyến", "Route", 10.0, |r| {
        Cell::Text(if r.short_name.is_empty() { &r.route } else { &r.short_name })
    }),
    ("Lượt theo biểu đồ", "Runs scheduled", 12.0, |r| Cell::Count(r.runs_scheduled)),
    // Where buses run closer than is promised, more are driven than are scheduled.
    ("Trong đó chỉ hẹn giãn cách", "Of these by headway", 14.0, |r| Cell::Count(r.runs_by_headway)),
    ("Lượt chạy đủ", "Runs whole", 12.0, |r| Cell::Count(r.runs_whole)),
    ("Lượt thấy một phần", "Runs seen in part", 12.0, |r| Cell::Count(r.runs_partial)),
    ("Km theo biểu đồ", "Km scheduled", 12.0, |r| Cell::Number(r.km_scheduled, "#,##0.0")),
    ("Km thực chạy", "Km driven", 12.0, |r| Cell::Number(r.km_driven, "#,##0.0")),
    ("Lượt qua trạm", "Stops passed", 12.0, |r| Cell::Count(r.passings)),
    ("Đúng giờ", "On time", 10.0, |r| Cell::Share(r.on_time, timed(r))),
    ("Sớm", "Early", 10.0, |r| Cell::Share(r.early, timed(r))),
    ("Trễ", "Late", 10.0, |r| Cell::Share(r.late, timed(r))),
    ("Trễ trung bình (giây)", "Mean lateness (s)", 12.0, |r| {
        if timed(r) > 0 { Cell::Number(r.late_mean_s, "0") } else { Cell::Text("") }
    }),
    // Nothing is known of it where no bus came after another: 0 would say that all came evenly.
    ("Biến thiên giãn cách", "Headway variation", 12.0, |r| {
        if r.headways > 0 { Cell::Number(r.headway_variation, "0.00") } else { Cell::Text("") }
    }),
    ("Khách chờ thêm (giây)", "Excess wait (s)", 12.0, |r| {
        if r.headways > 0 { Cell::Number(r.excess_wait_s, "0") } else { Cell::Text("") }
    }),
    ("Lần dồn xe", "Bunchings", 10.0, |r| Cell::Count(r.bunchings)),
    ("Lần quá tốc độ", "Overspeeds", 10.0, |r| Cell::Count(r.overspeeds)),
    ("Tốc độ cao nhất (km/h)", "Highest speed (km/h)", 12.0, |r| {
        Cell::Number(r.overspeed_kmh_max, "0")
    }),
    ("Số xe", "Buses", 8.0, |r| Cell::Count(r.vehicles)),
    ("Vị trí bị loại", "Positions rejected", 12.0, |r| Cell::Count(r.positions_rejected)),
    // How well the times of passing are known.
    ("Nhịp định vị (giây)", "Between fixes (s)", 12.0, |r| {
        if r.passings > 0 { Cell::Number(r.gap_median_s, "0.0") } else { Cell::Text("") }
    }),
    // Of these passengers' waiting counts those that were told to be missing: of the others nobody knows.
    ("Lượt không thấy xe", "Runs not seen", 12.0, |r| unseen(r).map_or(Cell::Text(""), Cell::Count)),
];

/// The same by vehicle.
const VEHICLES: [Column<VehicleDay>; 8] = [
    ("Ngày", "Day", 12.0, |v| Cell::Text(&v.day)),
    ("Xe", "Vehicle", 18.0, |v| Cell::Text(&v.vehicle)),
    ("Vị trí bị loại", "Positions rejected", 12.0, |v| Cell::Count(v.positions_rejected)),
    ("Lượt qua trạm", "Stops passed", 12.0, |v| Cell::Count(v.passings)),
    ("Lần quá tốc độ", "Overspeeds", 10.0, |v| Cell::Count(v.overspeeds)),
    ("Tốc độ cao nhất (km/h)", "Highest speed (km/h)", 12.0, |v| {
        Cell::Number(v.overspeed_kmh_max, "0")
    }),
    ("Quá tốc độ ngoài lượt", "Overspeeds off runs", 12.0, |v| Cell::Count(v.overspeeds_off_runs)),
    ("Cao nhất ngoài lượt (km/h)", "Highest off runs (km/h)", 12.0, |v| {
        Cell::Number(v.overspeed_off_runs_kmh_max, "0")
    }),
];

/// Passings for which a time was promised.
fn timed(r: &RouteDay) -> u32 {
    r.on_time + r.early + r.late
}

/// Scheduled runs on which no bus was seen: not driven, or driven without a tracker. `None` where some have no start of their own, so
/// that no single one is not seen.
fn unseen(r: &RouteDay) -> Option<u32> {
    (r.runs_by_headway == 0).then(|| r.runs_scheduled.saturating_sub(r.runs_whole + r.runs_partial))
}

/// A sheet by route, one by operator, and one by vehicle where there are any, in one language.
///
/// # Errors
/// When the library refuses a cell.
pub fn workbook(
    told: &GetTransitReportResponse,
    vehicles: &[VehicleDay],
    vietnamese: bool,
) -> anyhow::Result<Vec<u8>> {
    let mut book = Workbook::new();
    let names =
        if vietnamese { ["Tuyến", "Đơn vị", "Xe"] } else { ["Routes", "Operators", "Vehicles"] };
    let [routes, operators, by_vehicle] = names;
    fill(&mut book, routes, (&COLUMNS[..], &told.routes[..]), vietnamese)?;
    let off_runs = if vietnamese { "Ngoài lượt đã biết" } else { "Off known runs" };
    let named = told.operators.iter().map(|row| match row.feed.as_str() {
        "" => RouteDay { operator: off_runs.to_owned(), ..row.clone() },
        _ => row.clone(),
    });
    fill(&mut book, operators, (&COLUMNS[..], &named.collect::<Vec<_>>()[..]), vietnamese)?;
    if !vehicles.is_empty() {
        fill(&mut book, by_vehicle, (&VEHICLES[..], vehicles), vietnamese)?;
    }
    book.save_to_buffer().context("writing a workbook")
}

fn fill<T>(
    book: &mut Workbook,
    name: &str,
    (columns, rows): (&[Column<T>], &[T]),
    vietnamese: bool,
) -> anyhow::Result<()> {
    let sheet = book.add_worksheet();
    sheet.set_name(name).context("naming a sheet")?;
    write(sheet, columns, rows, vietnamese).with_context(|| format!("filling the sheet {name}"))
}

fn write<T>(
    sheet: &mut Worksheet,
    columns: &[Column<T>],
    rows: &[T],
    vietnamese: bool,
) -> anyhow::Result<()> {
    let head = Format::new().set_bold().set_text_wrap();
    for (column, (vi, en, width, _)) in (0_u16..).zip(columns) {
        sheet.write_string_with_format(0, column, if vietnamese { *vi } else { *en }, &head)?;
        sheet.set_column_width(column, *width)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (row, told) in (1_u32..).zip(rows) {
        for (column, (_, _, _, value)) in (0_u16..).zip(columns) {
            match value(told) {
                Cell::Text(text) => sheet.write_string(row, column, text)?,
                Cell::Count(n) => sheet.write_number(row, column, n)?,
                Cell::Number(n, format) => {
                    sheet.write_number_with_format(row, column, n, &Format::new().set_num_format(format))?
                }
                Cell::Share(_, 0) => sheet.write_string(row, column, "")?,
                Cell::Share(part, whole) => {
                    let share = f64::from(part) / f64::from(whole);
                    sheet.write_number_with_format(
                        row,
                        column,
                        share,
                        &Format::new().set_num_format("0.0%"),
                    )?
                }
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What is written in a part of a workbook.
    fn part(book: &[u8], name: &str) -> String {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_workbook_tells_how_well_passings_are_known() {
        let row = |passings, gap_median_s| RouteDay { passings, gap_median_s, ..RouteDay::default() };
        let told =
            GetTransitReportResponse { routes: vec![row(9, 12.5), row(0, 0.0)], operators: Vec::new() };
        for (vietnamese, head) in [(true, "Nhịp định vị (giây)"), (false, "Between fixes (s)")] {
            let book = workbook(&told, &[], vietnamese).unwrap();
            assert!(part(&book, "xl/sharedStrings.xml").contains(head));
            let rows = part(&book, "xl/worksheets/sheet1.xml");
            assert_eq!(rows.matches("<v>12.5</v>").count(), 1, "{rows}");
            // Where no stop was passed nothing is known of it.
            assert!(rows.contains("r=\"V2\"") && !rows.contains("r=\"V3\""), "{rows}");
        }
    }

    #[test]
    fn of_a_route_on_which_no_bus_came_after_another_no_distance_is_told() {
        let row = |headways: u32, excess_wait_s: f64| RouteDay {
            headways,
            headway_variation: excess_wait_s / 100.0,
            excess_wait_s,
            ..RouteDay::default()
        };
        // Even buses are told, and so is a route of which nobody knows.
        let rows = [row(8, 0.0), row(0, 0.0)];
        let told = rows.each_ref().map(|row| {
            let line = Line::of(row);
            (line.headway_variation, line.excess_wait_s, line.gap_median_s)
        });
        assert_eq!(told, [(Some(0.0), Some(0.0), None), (None, None, None)]);
        let told = GetTransitReportResponse { routes: rows.to_vec(), operators: Vec::new() };
        let rows = part(&workbook(&told, &[], true).unwrap(), "xl/worksheets/sheet1.xml");
        for column in ["O", "P"] {
            let has = |row: u32| rows.contains(&format!("r=\"{column}{row}\""));
            assert_eq!((has(2), has(3)), (true, false), "{rows}");
        }
    }

    #[test]
    fn runs_that_nobody_was_seen_on_stand_beside_what_passengers_waited() {
        let row = |runs_by_headway| RouteDay {
            runs_scheduled: 37,
            runs_whole: 20,
            runs_partial: 3,
            runs_by_headway,
            ..RouteDay::default()
        };
        assert_eq!([0, 5].map(|n| Line::of(&row(n)).runs_unseen), [Some(14), None]);
        let told = GetTransitReportResponse { routes: vec![row(0), row(5)], operators: Vec::new() };
        let book = workbook(&told, &[], false).unwrap();
        assert!(part(&book, "xl/sharedStrings.xml").contains("Runs not seen"));
        let rows = part(&book, "xl/worksheets/sheet1.xml");
        assert!(rows.contains("r=\"W2\"><v>14</v>") && !rows.contains("r=\"W3\"><v>"), "{rows}");
    }

    #[test]
    fn a_workbook_has_what_is_off_runs_and_each_vehicle() {
        let row = |feed: &str, operator: &str, overspeeds| RouteDay {
            feed: feed.to_owned(),
            operator: operator.to_owned(),
            overspeeds,
            ..RouteDay::default()
        };
        let operators = vec![row("xe", "Transerco", 3), row("", "", 5)];
        let told = GetTransitReportResponse { routes: Vec::new(), operators };
        let spare =
            VehicleDay { vehicle: "spare-7".to_owned(), overspeeds_off_runs: 5, ..VehicleDay::default() };
        for (vietnamese, name) in [(true, "Ngoài lượt đã biết"), (false, "Off known runs")] {
            let book = workbook(&told, std::slice::from_ref(&spare), vietnamese).unwrap();
            let texts = part(&book, "xl/sharedStrings.xml");
            assert!([name, "Transerco", "spare-7"].iter().all(|text| texts.contains(*text)), "{texts}");
            let [operators, vehicles] = [2, 3].map(|n| part(&book, &format!("xl/worksheets/sheet{n}.xml")));
            assert!(operators.contains("r=\"R3\"><v>5</v>"), "{operators}");
            assert!(vehicles.contains("r=\"G2\"><v>5</v>"), "{vehicles}");
        }
    }
}
