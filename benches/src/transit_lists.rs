//! `transit-lists`: how long supervisors wait for the report of the day and for the list of trackers, of a city's buses, while
//! they report on.
//!
//! A real control-center has the timetable and hears of every bus what it drove since the service day began, as a gateway would
//! tell it. What is measured is the way from this program over gRPC to the hall and back.

mod city;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use v1::session_service_client::SessionServiceClient;

use self::city::{City, FEED};
use crate::Bench;
use crate::programs;
use crate::started::{Hall, Started};

pub const BENCH: Bench = Bench {
    name: "transit-lists",
    about: "how long the report of the day and the list of trackers are waited for",
    run,
};

/// Every run since the service day began (at 3 o'clock) is driven by one of the buses. Prints {"buses","fixes","passings",
/// "report":{"first_ms","p50_ms","max_ms"},"trackers":{…}}: the first answer, and those that came once a second after it.
///
/// Example: benches/run transit-lists --gtfs shared/field/gtfs/hanoi_subset.zip
#[derive(Parser)]
#[command(name = "transit-lists")]
struct Args {
    /// Its calendar is made to go on until 2099.
    #[arg(long, value_name = "FILE")]
    gtfs: PathBuf,
    /// Where it is now late enough for many runs.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    #[arg(long, default_value_t = 1_000)]
    buses: usize,
    /// How often each list is asked for, once a second.
    #[arg(long, default_value_t = 60)]
    asks: u32,
    /// Seconds between two reports of a bus while lists are asked for.
    #[arg(long, default_value_t = 10)]
    every: u64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    ensure!(args.buses > 0 && args.asks > 0 && args.every > 0, "--buses, --asks and --every begin at 1");
    let runtime = tokio::runtime::Runtime::new().context("starting")?;
    runtime.block_on(measure(&args))
}

async fn measure(args: &Args) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    city::import(folder.path(), &args.gtfs, &args.zone)?;
    let mut started = Started::new(folder.path());
    let hall = started.hall(Command::new(programs::beside("control-center")?))?;
    // The gateway is this program; the hall makes it its certificate.
    started.gateway(city::GATEWAY, &hall)?;
    let clock = SystemClock::new();
    let mut city = City::drive(folder.path(), &hall, args.buses, &args.zone, clock.now()).await?;
    let began = clock.elapsed();
    let fixes = city.tell().await?;
    let told_s = (clock.elapsed() - began).as_secs_f64();
    let asker = Asker::sign_in(&hall).await?;
    let every = Duration::from_secs(args.every);
    let live = tokio::spawn(async move { city.go_on(every).await });
    // What lies in the day is followed before it is measured.
    let mut passings = 0;
    let settled = async {
        loop {
            let told = asker.report("").await?.operators.iter().map(|o| o.passings).sum();
            if told > 0 && told == passings {
                return anyhow::Ok(());
            }
            passings = told;
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(900), settled).await.context("the day is not followed")??;
    let trackers = ask(&clock, args.asks, async || asker.trackers().await.map(|t| t.trackers.len())).await?;
    // Nobody has asked for this one yet.
    let report = ask(&clock, args.asks, async || asker.report(FEED).await.map(|r| r.routes.len())).await?;
    ensure!(!live.is_finished(), "the buses report no more: {:?}", live.await);
    live.abort();
    let hall_cpu_s: f64 = started.used()?.iter().map(|(_, used)| used.cpu_s).sum();
    started.stop().await?;
    Ok(json!({
        "buses": args.buses, "fixes": fixes, "fixes_per_s": (fixes as f64 / told_s).round(), "passings": passings,
        "report": report, "trackers": trackers, "hall_cpu_s": hall_cpu_s.round(),
    }))
}

/// Asks once, and then once a second.
async fn ask(
    clock: &SystemClock,
    times: u32,
    call: impl AsyncFn() -> anyhow::Result<usize>,
) -> anyhow::Result<Value> {
    let mut took_ms = Vec::new();
    let mut count = 0;
    for _ in 0..=times {
        let began = clock.elapsed();
        count = call().await?;
        took_ms.push((clock.elapsed() - began).as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let first = took_ms.remove(0);
    took_ms.sort_by(f64::total_cmp);
    let tenth = |ms: f64| (ms * 10.0).round() / 10.0;
    let (p50, max) = (took_ms[took_ms.len() / 2], took_ms[took_ms.len() - 1]);
    Ok(json!({ "rows": count, "first_ms": tenth(first), "p50_ms": tenth(p50), "max_ms": tenth(max) }))
}

struct Asker {
    transit: TransitServiceClient<Channel>,
    token: String,
}

impl Asker {
    async fn sign_in(hall: &Hall) -> anyhow::Result<Self> {
        let channel =
            Endpoint::from_shared(hall.page.clone())?.connect().await.context("dialling the hall")?;
        let request = v1::SignInRequest { name: "admin".to_owned(), password: hall.password.clone() };
        let session =
            SessionServiceClient::new(channel.clone()).sign_in(request).await.context("signing in")?;
        let token = format!("Bearer {}", session.into_inner().token);
        let transit = TransitServiceClient::new(channel).max_decoding_message_size(64 * 1024 * 1024);
        Ok(Self { transit, token })
    }

    fn with<T>(&self, message: T) -> anyhow::Result<tonic::Request<T>> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", self.token.parse().context("the token")?);
        Ok(request)
    }

    async fn trackers(&self) -> anyhow::Result<v1::ListTrackersResponse> {
        let request = self.with(v1::ListTrackersRequest { hours: 24 })?;
        Ok(self.transit.clone().list_trackers(request).await.context("asking for trackers")?.into_inner())
    }

    async fn report(&self, feed: &str) -> anyhow::Result<v1::GetTransitReportResponse> {
        let asked = v1::GetTransitReportRequest { feed: feed.to_owned(), ..Default::default() };
        let told = self.transit.clone().get_transit_report(self.with(asked)?).await;
        Ok(told.context("asking for the report")?.into_inner())
    }
}
