//! A city's buses as a gateway tells them to the hall: what they drove today, and where they are now.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use control_center_gtfs::Source;
use control_center_gtfs::feeds::{Feeds, Version};
use hardware_bus::{BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus as _, Delivery, Message};
use hardware_ports::{Clock, SystemClock};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, UtcMillis};
use models_wire::v1;
use prost::Message as _;
use tokio::sync::mpsc::Receiver;

use crate::driven;
use crate::programs;
use crate::started::Hall;
use crate::usage;

pub const FEED: &str = "simulated";
pub const GATEWAY: &str = "buses";
const FILE: &str = "timetable.zip";
/// When the hall's day of buses begins.
const DAY_BEGINS: DurationMs = DurationMs(3 * 3_600_000);
const BATCH: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the timetable into a hall that has not begun, as if it were still in force.
pub fn import(folder: &Path, gtfs: &Path, zone: &str) -> anyhow::Result<()> {
    let text = "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.join("hall.toml"), text).context("writing hall.toml")?;
    in_force(gtfs, &folder.join(FILE)).with_context(|| gtfs.display().to_string())?;
    let mut import = Command::new(programs::beside("control-center")?);
    import.current_dir(folder).args(["gtfs", "import", "--config", "hall.toml", "--feed", FEED]);
    usage::run(import.args(["--zone", zone, FILE]))?;
    Ok(())
}

/// The same feed with a calendar that goes on until 2099.
fn in_force(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut old = zip::ZipArchive::new(std::fs::File::open(from)?)?;
    let mut new = zip::ZipWriter::new(std::fs::File::create(to)?);
    for i in 0..old.len() {
        let mut file = old.by_index(i)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        if file.name() == "calendar.txt" {
            text = until_2099(&text)?;
        }
        new.start_file(file.name(), zip::write::SimpleFileOptions::default())?;
        new.write_all(&text)?;
    }
    new.finish()?;
    Ok(())
}

fn until_2099(calendar: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Reader::from_reader(calendar);
    let names = rows.headers()?.clone();
    let end = names.iter().position(|name| name == "end_date").context("calendar.txt has no end_date")?;
    let mut written = csv::Writer::from_writer(Vec::new());
    written.write_record(&names)?;
    for row in rows.records() {
        let row = row?;
        written.write_record(row.iter().enumerate().map(|(i, f)| if i == end { "20991231" } else { f }))?;
    }
    written.into_inner().context("writing calendar.txt")
}

/// Buses, and the gateway that tells of them.
pub struct City {
    bus: ZenohBus,
    stored: Receiver<Message>,
    /// By bus: its name, and what it has reported, in the order of time.
    reports: Vec<(UtcMillis, usize, Observed)>,
    /// Where each bus was last.
    last: Vec<Option<Observed>>,
    clock: SystemClock,
    boot: u64,
    seq: u64,
}

impl City {
    /// Buses drive today's runs until now, each after each, and a gateway knows it.
    pub async fn drive(
        folder: &Path,
        hall: &Hall,
        buses: usize,
        zone: &str,
        now: UtcMillis,
    ) -> anyhow::Result<Self> {
        let plans = plans(&folder.join(FILE), zone, now)?;
        let start = plans.first().context("no run today")?.day.start + DAY_BEGINS;
        let mut driven = driven::buses(&plans, start, now, 1);
        driven.sort_by_key(|d| d.leaves());
        let mut reports = Vec::new();
        for (i, bus) in driven.iter().enumerate() {
            let now_and_then = bus.reports().into_iter().filter(|o| start < o.seen.at && o.seen.at <= now);
            reports.extend(now_and_then.map(|o| (o.seen.at, i % buses, o)));
        }
        reports.sort_by_key(|(at, bus, _)| (*at, *bus));
        ensure!(!reports.is_empty(), "no run is under way since 3 o'clock; another --zone has more of a day");
        let file = |name: &str| -> PathBuf { folder.join(GATEWAY).join(name) };
        let tls = TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
        let role = Role::Pole { connect: vec![hall.bus.clone()] };
        let bus = ZenohBus::open(BusSettings { role, tls }).await.context("dialling the hall")?;
        let stored = bus.subscribe(&format!("city/v1/{GATEWAY}/stored"), 100).await?;
        bus.announce(&format!("city/v1/{GATEWAY}/alive")).await?;
        let (clock, boot) = (SystemClock::new(), now.0.unsigned_abs());
        Ok(Self { bus, stored, reports, last: vec![None; buses], clock, boot, seq: 1 })
    }

    /// Everything that was driven until now; how many positions that are.
    pub async fn tell(&mut self) -> anyhow::Result<usize> {
        let reports = std::mem::take(&mut self.reports);
        for batch in reports.chunks(BATCH) {
            let batch: Vec<(usize, &Observed)> = batch.iter().map(|(_, bus, o)| (*bus, o)).collect();
            self.send(&batch).await?;
            for (bus, observed) in batch {
                self.last[bus] = Some(observed.clone());
            }
        }
        Ok(reports.len())
    }

    /// From now on each bus reports every so often from where it was last.
    pub async fn go_on(mut self, every: Duration) -> anyhow::Result<()> {
        let parts = u32::try_from(every.as_secs()).unwrap_or(1).max(1);
        let all: Vec<(usize, Observed)> =
            self.last.iter().enumerate().filter_map(|(i, o)| Some((i, o.clone()?))).collect();
        let mut ticks = tokio::time::interval(every / parts);
        loop {
            for part in 0..parts as usize {
                ticks.tick().await;
                let now = self.clock.now();
                let own = all.iter().filter(|(bus, _)| bus % parts as usize == part);
                let told: Vec<(usize, Observed)> = own
                    .map(|(bus, observed)| {
                        let mut observed = observed.clone();
                        observed.seen.at = now;
                        (*bus, observed)
                    })
                    .collect();
                self.send(&told.iter().map(|(bus, o)| (*bus, o)).collect::<Vec<_>>()).await?;
            }
        }
    }

    /// Tells the hall, again and again, until it has stored it.
    async fn send(&mut self, told: &[(usize, &Observed)]) -> anyhow::Result<()> {
        let events = told.iter().zip(self.seq..).map(|((bus, observed), seq)| event(seq, *bus, observed));
        let batch = v1::EventBatch { boot: self.boot, oldest_kept: 1, events: events.collect() };
        let wanted = self.seq + told.len() as u64 - 1;
        let payload = batch.encode_to_vec();
        let confirmed = async {
            loop {
                self.bus
                    .publish(&format!("city/v1/{GATEWAY}/events"), payload.clone(), Delivery::Wait)
                    .await?;
                while let Ok(answer) = tokio::time::timeout(Duration::from_secs(2), self.stored.recv()).await
                {
                    let answer = answer.context("the bus is closed")?;
                    if v1::StoredUpTo::decode(&answer.payload[..])?.seq >= wanted {
                        return anyhow::Ok(());
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, confirmed).await.context("the hall stores nothing")??;
        self.seq = wanted + 1;
        Ok(())
    }
}

fn plans(timetable: &Path, zone: &str, now: UtcMillis) -> anyhow::Result<Vec<Arc<DayPlan>>> {
    let (feed, report) = control_center_gtfs::read(&mut Source::open(timetable)?, Some(zone))?;
    let feed = feed.with_context(|| report.to_string())?;
    let day = feed.zone.date(now - DAY_BEGINS);
    let mut feeds = Feeds::default();
    feeds.add(FeedId::from(FEED), Version { takes_effect: day, feed: Arc::new(feed) });
    Ok(feeds.plan(&FeedId::from(FEED), day).into_iter().map(Arc::new).collect())
}

fn event(seq: u64, bus: usize, observed: &Observed) -> v1::Event {
    let seen = &observed.seen;
    let fix = v1::Fix {
        vehicle: format!("bus-{bus}"),
        fix_ms: seen.at.0,
        received_ms: seen.at.0 + 500,
        lat: seen.position.lat.0,
        lon: seen.position.lon.0,
        speed_mps: seen.speed.0,
        course_deg: seen.course.map(|c| c.0),
        valid: true,
        protocol: "simulated".to_owned(),
        ..Default::default()
    };
    v1::Event { seq, at_ms: fix.received_ms, body: Some(v1::event::Body::Fix(fix)) }
}
