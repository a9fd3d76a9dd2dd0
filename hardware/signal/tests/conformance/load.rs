//! What asking costs, and how soon a change is known. A figure, not a promise about every machine: run it alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_ports::{Clock, SystemClock};
use hardware_signal::{Dialled, SignalDialler};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::house::{House, Kind, Snmp, Wish, junction};
use super::streets::access;

struct OnOwn(watch::Sender<bool>);

#[async_trait]
impl Sink<SignalReport> for OnOwn {
    async fn accept(&self, report: SignalReport) -> Result<(), NotKept> {
        if let SignalReport::Now { now, .. } = report {
            self.0.send_replace(now.plan_forced == Some(false));
        }
        Ok(())
    }
}

/// Whether the unit at `address` is on its own plan within `wait`, as another adapter sees it that orders nothing.
pub async fn falls_back(snmp: Snmp, address: &str, wait: Duration) -> bool {
    let own = Arc::new(OnOwn(watch::Sender::new(false)));
    let sink: Arc<dyn Sink<SignalReport>> = own.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let dialled = Dialled {
        controller: "ntcip".into(),
        address: address.to_owned(),
        junction: junction(0),
        access: access(snmp, false),
        groups: vec!["phase 2".into()],
        poll: Duration::from_millis(100),
        backup: None,
        clock_off_max: None,
        steering: None,
        layout: None,
        blocks: false,
    };
    let dialler = SignalDialler::new(vec![dialled], &sink, &clock).unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(dialler.run(stop.clone()));
    let mut told = own.0.subscribe();
    let fell = tokio::time::timeout(wait, told.wait_for(|own| *own)).await.is_ok();
    stop.cancel();
    task.await.unwrap();
    fell
}

/// Run: `cargo test -p hardware-signal --test conformance -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure: it counts the time of the whole process, so it runs alone"]
async fn cost_and_latency_of_asking() {
    const JUNCTIONS: usize = 64;
    const SECONDS: u64 = 20;
    const SETTLE_SECONDS: u64 = 10;
    for snmp in [Snmp::V2c, Snmp::V3] {
        let wish = Wish { junctions: JUNCTIONS, changes: true, ..Wish::default() };
        let mut house = House::open(Kind::Ntcip(snmp), &wish).await;
        // What is printed is read from the start: a full pipe would stop the street.
        let start = tokio::time::Instant::now();
        while start.elapsed() < Duration::from_secs(SETTLE_SECONDS) {
            house.street.line().await;
        }
        house
            .wait_for("all", |all| all.len() == JUNCTIONS && all.values().all(|one| one.states.len() > 2))
            .await;
        let (before, begun) = (cpu_ms(), tokio::time::Instant::now());
        let mut made: Vec<Vec<(i64, String)>> = vec![Vec::new(); JUNCTIONS];
        while begun.elapsed() < Duration::from_secs(SECONDS) {
            let line = house.street.line().await;
            let unit = usize::try_from(line["unit"].as_u64().unwrap()).unwrap();
            made[unit].push((line["at_ms"].as_i64().unwrap(), state(&line["lamps"])));
        }
        let cpu = cpu_ms() - before;
        let took = begun.elapsed().as_secs_f64();
        let mut waits: Vec<i64> = Vec::new();
        for (unit, made) in made.iter().enumerate() {
            let told = house.of(unit).states;
            for (at, state) in made {
                let first = told.iter().find(|(seen, other)| seen.0 >= *at && other == state);
                waits.extend(first.map(|(seen, _)| seen.0 - at));
            }
        }
        let changes: usize = made.iter().map(Vec::len).sum();
        waits.sort_unstable();
        let part = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        let answered = house.close().await.end().await["answered"].as_u64().unwrap();
        let each = cpu as f64 / took / JUNCTIONS as f64;
        println!(
            "{snmp:?}: {JUNCTIONS} junctions, every 100 ms: {changes} changes, known after p50 {} ms, p99 {} ms, most {} ms; \
             {each:.2} ms of CPU a junction and second, so {:.0} junctions a core; {answered} questions answered in all",
            part(0.5),
            part(0.99),
            part(1.0),
            1_000.0 / each,
        );
        assert!(waits.len() * 100 >= changes * 98, "{} of {changes} changes were seen", waits.len());
        assert!(part(0.99) <= 250, "p99 {} ms", part(0.99));
    }
}

/// In the characters of the adapter.
fn state(lamps: &serde_json::Value) -> String {
    let lit = |name: &str, phase: u32| lamps[name].as_u64().unwrap() >> (phase - 1) & 1 == 1;
    let vehicle = |phase| match (lit("greens", phase), lit("yellows", phase)) {
        (true, _) => '4',
        (false, true) => 'N',
        (false, false) => 'B',
    };
    let on_foot = |phase| match (lit("walks", phase), lit("ped_clears", phase)) {
        (true, _) => '4',
        (false, true) => '9',
        (false, false) => 'B',
    };
    [vehicle(2), vehicle(4), on_foot(2), on_foot(4)].iter().collect()
}

/// Of this process, by the kernel's clock of 10 ms.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) * 10
}
