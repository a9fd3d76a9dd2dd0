//! A site's link: dials, introduces itself, answers, sends what is to be told, dials again when it breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{now, utc_ms};
use crate::config::Site;
use crate::counting::{self, Counting};
use crate::orders::{Ordered, alarm_step};
use crate::rsmp;
use crate::street::Controller;
use crate::tls::Tls;

const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Dials `address` until `stop`.
pub async fn run(
    controller: Arc<Controller>,
    address: String,
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
) {
    let pause = Duration::from_secs_f64(controller.config.reconnect_s);
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = once(&controller, &address, tls.as_deref()) => ended,
        };
        {
            let mut state = controller.state();
            state.link_up = false;
            state.buffer.link_lost();
        }
        if let Err(err) = ended {
            let site = &controller.site;
            eprintln!("signal-simulator: {} ({}): {err:#}; again in {pause:?}", site.junction, site.site_id);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn once(controller: &Controller, address: &str, tls: Option<&Tls>) -> anyhow::Result<()> {
    let dial = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address));
    let stream = dial.await.context("no answer")?.with_context(|| format!("dialling {address}"))?;
    stream.set_nodelay(true)?;
    controller.state().counts.connections += 1;
    match tls {
        None => Link::new(controller, stream).talk().await,
        Some(tls) => Link::new(controller, tls.greet(address, stream).await?).talk().await,
    }
}

struct Link<'a, S> {
    controller: &'a Controller,
    stream: S,
    /// Until when each message of ours must be acknowledged.
    unacknowledged: BTreeMap<String, Instant>,
    /// The supervisor's Version came.
    introduced: bool,
    watchdog_next: Instant,
    watchdog_heard: Instant,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Link<'a, S> {
    fn new(controller: &'a Controller, stream: S) -> Self {
        let now = now();
        Self {
            controller,
            stream,
            unacknowledged: BTreeMap::new(),
            introduced: false,
            watchdog_next: now,
            watchdog_heard: now,
        }
    }

    async fn talk(&mut self) -> anyhow::Result<()> {
        self.send(rsmp::version(&self.controller.site), false).await?;
        let mut incoming = rsmp::Incoming::default();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let up = self.controller.state().link_up;
            let watchdog_s = self.controller.config.watchdog_s;
            let mut wake = self.watchdog_heard + Duration::from_secs_f64(watchdog_s * 2.5);
            if self.introduced {
                wake = wake.min(self.watchdog_next);
            }
            wake = self.unacknowledged.values().copied().fold(wake, Instant::min);
            tokio::select! {
                read = self.stream.read(&mut buffer) => {
                    let length = read?;
                    ensure!(length > 0, "the supervisor closed the connection");
                    for message in incoming.push(&buffer[..length])? {
                        self.message(&message).await?;
                    }
                }
                () = self.controller.news.notified(), if up => {}
                () = tokio::time::sleep_until(wake) => self.timeout(watchdog_s).await?,
            }
            self.send_buffered().await?;
        }
    }

    async fn timeout(&mut self, watchdog_s: f64) -> anyhow::Result<()> {
        let now = now();
        ensure!(
            self.unacknowledged.values().all(|until| *until > now),
            "an acknowledgement did not come in time"
        );
        ensure!(
            self.watchdog_heard + Duration::from_secs_f64(watchdog_s * 2.5) > now,
            "the supervisor's Watchdog is missing"
        );
        if self.introduced && self.watchdog_next <= now {
            self.watchdog_next = now + Duration::from_secs_f64(watchdog_s);
            self.send(rsmp::watchdog(utc_ms()), false).await?;
        }
        Ok(())
    }

    async fn message(&mut self, message: &Value) -> anyhow::Result<()> {
        let kind = message["type"].as_str().unwrap_or_default();
        if let Some(id) = message["oMId"].as_str() {
            self.unacknowledged.remove(id);
            let mut state = self.controller.state();
            if state.buffer.acknowledged(id) {
                state.counts.acknowledged += 1;
            }
            if kind == "MessageNotAck" {
                bail!("refused: {}", message["rea"].as_str().unwrap_or("no reason given"));
            }
            return Ok(());
        }
        let id = message["mId"].as_str().context("a message without number")?.to_owned();
        match kind {
            "Version" => {
                let chosen = message["RSMP"].as_array().into_iter().flatten();
                let mut chosen = chosen.filter_map(|version| version["vers"].as_str());
                ensure!(
                    chosen.any(|version| rsmp::CORE.contains(&version)),
                    "no version in common: {message}"
                );
                self.reply(rsmp::ack(&id)).await?;
                self.introduced = true;
                // The site's Watchdog is the next message.
                self.timeout(self.controller.config.watchdog_s).await
            }
            "Watchdog" => {
                self.watchdog_heard = now();
                self.reply(rsmp::ack(&id)).await?;
                if self.controller.state().link_up { Ok(()) } else { self.established().await }
            }
            "StatusRequest" => self.requested(&id, message, "StatusResponse").await,
            "StatusSubscribe" => self.requested(&id, message, "StatusUpdate").await,
            "StatusUnsubscribe" => {
                self.unsubscribe(message);
                self.reply(rsmp::ack(&id)).await
            }
            "AggregatedStatusRequest" => {
                self.reply(rsmp::ack(&id)).await?;
                self.aggregated().await
            }
            "CommandRequest" => {
                let done = {
                    let site = &self.controller.site;
                    self.controller.state().ordered.command(site, utc_ms(), message)
                };
                self.done(&id, done).await
            }
            "Alarm" => {
                if self.controller.site.deaf {
                    return self.reply(rsmp::ack(&id)).await;
                }
                let done = alarm_step(&mut self.controller.state().alarms, utc_ms(), message);
                self.done(&id, done).await
            }
            _ => self.reply(rsmp::not_ack(&id, &format!("{kind} is not supported"))).await,
        }
    }

    fn unsubscribe(&mut self, message: &Value) {
        let mut state = self.controller.state();
        match counting::asked(&self.controller.site, message) {
            Some((component, _)) => drop(state.countings.remove(&component)),
            None => state.subscribed = None,
        }
    }

    /// Acknowledges and answers what was asked, or says why not.
    async fn done(&mut self, id: &str, done: Result<Value, String>) -> anyhow::Result<()> {
        match done {
            Ok(answer) => {
                self.reply(rsmp::ack(id)).await?;
                self.send(answer, false).await
            }
            Err(reason) => self.reply(rsmp::not_ack(id, &reason)).await,
        }
    }

    /// "Aggregated status", "All alarms", and from now on "Buffered messages".
    async fn established(&mut self) -> anyhow::Result<()> {
        self.aggregated().await?;
        let alarms = {
            let mut state = self.controller.state();
            let alarms = state.alarms.clone();
            state.buffer.told_already(&alarms);
            alarms
        };
        for alarm in alarms {
            self.send(alarm, false).await?;
        }
        self.controller.state().link_up = true;
        Ok(())
    }

    async fn aggregated(&mut self) -> anyhow::Result<()> {
        let faulty = rsmp::is_faulty(&self.controller.state().alarms);
        self.send(rsmp::aggregated_status(&self.controller.site, utc_ms(), faulty), false).await
    }

    async fn requested(&mut self, id: &str, message: &Value, answer: &str) -> anyhow::Result<()> {
        let site = &self.controller.site;
        if let Some((component, names)) = counting::asked(site, message) {
            return self.counts(id, message, answer, component, names).await;
        }
        if let Some((group, names)) = rsmp::s0025_names(site, message) {
            let told = {
                let mut state = self.controller.state();
                let times = self.controller.foretell(&state, group);
                if answer == "StatusUpdate" {
                    state.foretold.insert(group, (names.clone(), times));
                }
                rsmp::foretold(site, group, answer, utc_ms(), times, &names)
            };
            return self.done(id, Ok(told)).await;
        }
        let Some(names) = rsmp::s0001_names(site, message) else {
            if message["cId"] == site.component.as_str() {
                let told = {
                    let mut state = self.controller.state();
                    if answer == "StatusUpdate" {
                        state.told = subscribed(site, &state.ordered, message);
                    }
                    rsmp::statuses(site, answer, utc_ms(), &state.ordered, message)
                };
                return self.done(id, Ok(told)).await;
            }
            let reason = format!("only component {} can be asked", site.component);
            return self.reply(rsmp::not_ack(id, &reason)).await;
        };
        self.reply(rsmp::ack(id)).await?;
        let subscribe = answer == "StatusUpdate";
        let (shown, at_ms, active) = {
            let mut state = self.controller.state();
            let active = state.subscribed.is_some();
            if subscribe {
                state.subscribed = Some(names.clone());
            }
            (state.shown.clone(), self.controller.utc_ms(state.plan_s), active)
        };
        // "A StatusUpdate is always sent immediately after subscription request, unless … already active."
        if subscribe && active {
            return Ok(());
        }
        self.send(rsmp::groups(site, answer, at_ms, &shown, &names), false).await
    }

    /// Counts of the last minute when asked for; subscribed to, they come from then on.
    async fn counts(
        &mut self,
        id: &str,
        message: &Value,
        answer: &str,
        component: String,
        names: Vec<(String, String)>,
    ) -> anyhow::Result<()> {
        let now_ms = utc_ms();
        self.reply(rsmp::ack(id)).await?;
        let site = &self.controller.site;
        let told = if answer == "StatusUpdate" {
            let mut state = self.controller.state();
            if state.countings.contains_key(&component) {
                return Ok(());
            }
            let told = counting::statuses(site, &component, answer, (now_ms, now_ms), &names);
            state.countings.insert(component, Counting::new(names, message, now_ms));
            told
        } else {
            counting::statuses(site, &component, answer, (now_ms - 60_000, now_ms), &names)
        };
        self.send(told, false).await
    }

    async fn send_buffered(&mut self) -> anyhow::Result<()> {
        loop {
            let id = uuid::Uuid::new_v4().to_string();
            let entry = {
                let mut state = self.controller.state();
                if !state.link_up {
                    return Ok(());
                }
                state.buffer.next(&id)
            };
            let Some(entry) = entry else { return Ok(()) };
            self.send_as(&id, entry.message, entry.old).await?;
        }
    }

    async fn send(&mut self, message: Value, old: bool) -> anyhow::Result<()> {
        self.send_as(&uuid::Uuid::new_v4().to_string(), message, old).await
    }

    async fn send_as(&mut self, id: &str, message: Value, old: bool) -> anyhow::Result<()> {
        let until = now() + Duration::from_secs_f64(self.controller.config.acknowledgement_s);
        self.unacknowledged.insert(id.to_owned(), until);
        self.reply(rsmp::numbered(message, id, old)).await
    }

    async fn reply(&mut self, message: Value) -> anyhow::Result<()> {
        self.stream.write_all(&rsmp::packet(&message)).await.context("writing")
    }
}

/// The (code, name)s of a subscription, with the values of now.
fn subscribed(site: &Site, ordered: &Ordered, message: &Value) -> Vec<(String, String, Option<String>)> {
    let one = |asked: &Value| {
        let (code, name) = (asked["sCI"].as_str()?.to_owned(), asked["n"].as_str()?.to_owned());
        let now = ordered.status(site, &code, &name);
        Some((code, name, now))
    };
    message["sS"].as_array().into_iter().flatten().filter_map(one).collect()
}
