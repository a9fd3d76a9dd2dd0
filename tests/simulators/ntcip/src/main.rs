//! `ntcip-simulator`: traffic signal controllers that answer SNMP v1, v2c and v3 with objects of NTCIP 1202, run fixed-time
//! plans, obey phase, pattern and preempt control, and fall back when nobody refreshes it.
//!
//! An agent of its own and not a script behind `snmpd`: a controller that answers tooBig, or late, or garbage, or starts anew
//! cannot be had from that, and sixty-four of them would be sixty-four daemons.

mod agent;
mod ber;
mod blocks;
mod clock;
mod config;
mod faults;
mod mib;
mod plan;
mod spat;
mod unit;
mod usm;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UdpSocket;
use tokio::signal::unix::{SignalKind, signal};

use crate::agent::Agent;

/// How often lamps are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Traffic signal controllers that answer NTCIP 1202 over SNMP.
///
/// Faults come on standard input, one a line: `UNIT WHAT [VALUE]` with the unit's number from 0 or `*`, and one of
/// `silent on|off`, `slow MILLISECONDS`, `toobig VARIABLES`, `lacks OBJECT` (such as 3.6.0), `garbage on|off`, `restart`,
/// `clock SECONDS`, `alarm1 BITS`, `detectors BITS`, `mmu on|off`, `redclear TENTHS` (told, not
/// done; -1: as it is again), `preempt NUMBER` (told, not done; 0: none).
///
/// Example: ntcip-simulator --config street.toml
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The controllers (TOML).
    #[arg(long)]
    config: PathBuf,
    /// One line of JSON at each change of lamps, with the time.
    #[arg(long)]
    changes: bool,
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(err) => {
            eprintln!("ntcip-simulator: starting: {err}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(Args::parse()));
    // Whoever reads standard input waits for a line that may never come.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("ntcip-simulator: {err:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config = config::Config::load(&args.config)?;
    let (mut agents, mut addresses) = (Vec::new(), Vec::new());
    for (index, unit) in config.units.into_iter().enumerate() {
        let (listen, spat_to) = (unit.listen, unit.spat_to);
        let socket = UdpSocket::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
        addresses.push(socket.local_addr()?.to_string());
        let agent = Arc::new(Mutex::new(Agent::new(index, unit, clock::utc_ms())));
        let socket = Arc::new(socket);
        if let Some(to) = spat_to {
            tokio::spawn(broadcast(socket.clone(), to, agent.clone()));
        }
        tokio::spawn(serve(socket, agent.clone()));
        agents.push(agent);
    }
    say(&serde_json::json!({ "ready": true, "addresses": addresses }))?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut tick = tokio::time::interval(TICK);
    let mut input = true;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = tick.tick() => {
                for (index, agent) in agents.iter().enumerate() {
                    let now = clock::utc_ms();
                    let lamps = lock(agent).unit.tick(now);
                    if let Some(lamps) = lamps.filter(|_| args.changes) {
                        say(&serde_json::json!({ "unit": index, "at_ms": now, "lamps": lamps }))?;
                    }
                }
            }
            line = lines.next_line(), if input => match line? {
                Some(line) => {
                    if let Err(err) = faults::apply(&line, &agents) {
                        eprintln!("ntcip-simulator: {line:?}: {err:#}");
                    }
                }
                None => input = false,
            },
        }
    }
    let sum = |count: fn(&Agent) -> u64| agents.iter().map(|agent| count(&lock(agent))).sum::<u64>();
    say(&serde_json::json!({
        "answered": sum(|agent| agent.answered),
        "blocks_wanted": sum(|agent| agent.blocks_wanted),
        "blocks_told": sum(|agent| agent.blocks_told),
    }))
}

/// What the lamps show, ten times a second.
async fn broadcast(socket: Arc<UdpSocket>, to: SocketAddr, agent: Arc<Mutex<Agent>>) {
    let mut every = tokio::time::interval(Duration::from_millis(100));
    loop {
        every.tick().await;
        let message = {
            let agent = lock(&agent);
            if agent.silent {
                continue;
            }
            let mut message = spat::message(&agent.unit, clock::utc_ms());
            if agent.garbage {
                // Between the sound ones, such as are cut off.
                message.truncate(message.len() / 2);
                let _ = socket.try_send_to(&message, to);
                message = spat::message(&agent.unit, clock::utc_ms());
            }
            message
        };
        // Nobody may listen there yet.
        let _ = socket.send_to(&message, to).await;
    }
}

/// Answers each datagram; a slow one keeps no other waiting.
async fn serve(socket: Arc<UdpSocket>, agent: Arc<Mutex<Agent>>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // An ICMP error of an answer that nobody wanted.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let (replies, delay) = lock(&agent).answer(clock::utc_ms(), &buffer[..length]);
        let socket = socket.clone();
        let send = async move {
            for reply in replies {
                let _ = socket.send_to(&reply, peer).await;
            }
        };
        if delay.is_zero() {
            send.await;
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                send.await;
            });
        }
    }
}

/// Plain values that no panic can leave half written.
fn lock(agent: &Mutex<Agent>) -> std::sync::MutexGuard<'_, Agent> {
    agent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line of JSON on standard output, at once.
fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
