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

use crate::alarms::alarm_step;
use crate::args::is_of_one_command;
use crate::clock::{now, utc_ms};
use crate::components::Component;
use crate::list::{self, Version};
use crate::rsmp;
use crate::street::Controller;
use crate::subscriptions::{self, Name};
use crate::tls::Tls;

const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Counts that are asked for are of so long (milliseconds).
const COUNTED_MS: i64 = 60_000;

/// Before this version of core all values are texts, and all are of a component that is there.
const SINCE_3_1_3: Version = Version::new(3, 1, 3);

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
            (state.link_up, state.hang_up) = (false, false);
            state.alone_ms = utc_ms();
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
    /// The number of our Version, until it is acknowledged.
    version_id: String,
    /// The number of our ComponentList, until it is acknowledged.
    components_id: Option<String>,
    /// The version of core that both speak, once the supervisor's Version came.
    core: Option<Version>,
    watchdog_next: Instant,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Link<'a, S> {
    fn new(controller: &'a Controller, stream: S) -> Self {
        let now = now();
        Self {
            controller,
            stream,
            unacknowledged: BTreeMap::new(),
            version_id: uuid::Uuid::new_v4().to_string(),
            components_id: None,
            core: None,
            watchdog_next: now,
        }
    }

    async fn talk(&mut self) -> anyhow::Result<()> {
        let version = rsmp::version(&self.controller.config, &self.controller.site);
        let id = self.version_id.clone();
        self.send_as(&id, version, false).await?;
        let mut incoming = rsmp::Incoming::default();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let up = self.controller.state().link_up;
            let mut wakes: Vec<Instant> = self.unacknowledged.values().copied().collect();
            wakes.extend(self.core.is_some().then_some(self.watchdog_next));
            let wake = wakes.into_iter().min().unwrap_or_else(|| now() + CONNECT_MAX);
            tokio::select! {
                read = self.stream.read(&mut buffer) => {
                    let length = read?;
                    ensure!(length > 0, "the supervisor closed the connection");
                    for message in incoming.push(&buffer[..length])? {
                        self.message(&message).await?;
                    }
                    self.controller.state().buffer.settle();
                }
                () = self.controller.news.notified(), if up => {}
                () = tokio::time::sleep_until(wake) => self.timeout().await?,
            }
            ensure!(!self.controller.state().hang_up, "a restart was ordered");
            self.send_buffered().await?;
        }
    }

    /// A supervisor that is not there any more does not acknowledge: its own Watchdogs are not waited for.
    async fn timeout(&mut self) -> anyhow::Result<()> {
        let now = now();
        ensure!(
            self.unacknowledged.values().all(|until| *until > now),
            "an acknowledgement did not come in time"
        );
        if self.core.is_some() && self.watchdog_next <= now {
            self.watchdog_next = now + Duration::from_secs_f64(self.controller.config.watchdog_s);
            let site_ms = self.controller.state().site_ms(utc_ms());
            self.send(rsmp::watchdog(site_ms), false).await?;
        }
        Ok(())
    }

    async fn message(&mut self, message: &Value) -> anyhow::Result<()> {
        let kind = message["type"].as_str().unwrap_or_default();
        if let Some(id) = message["oMId"].as_str() {
            return self.acknowledged(id, kind, message).await;
        }
        let id = message["mId"].as_str().context("a message without number")?.to_owned();
        match kind {
            "Version" => self.introduced(&id, message).await,
            "Watchdog" => {
                self.reply(rsmp::ack(&id)).await?;
                self.watched().await
            }
            "StatusRequest" => self.requested(&id, message, false).await,
            "StatusSubscribe" => self.requested(&id, message, true).await,
            "StatusUnsubscribe" => {
                if let Some(component) = self.component(message) {
                    self.controller.state().subscriptions.unsubscribe(component, &message["sS"]);
                }
                self.reply(rsmp::ack(&id)).await
            }
            "AggregatedStatusRequest" if self.component(message) == Some(Component::Controller) => {
                self.reply(rsmp::ack(&id)).await?;
                self.aggregated().await
            }
            "CommandRequest" => {
                let done = self.commanded(message);
                self.done(&id, done).await
            }
            "Alarm" => {
                if self.controller.site.deaf {
                    return self.reply(rsmp::ack(&id)).await;
                }
                let done = {
                    let mut state = self.controller.state();
                    let site_ms = state.site_ms(utc_ms());
                    alarm_step(&mut state.alarms, site_ms, message)
                };
                self.done(&id, done).await
            }
            _ => self.reply(rsmp::not_ack(&id, &format!("{kind} is not supported here"))).await,
        }
    }

    fn component(&self, message: &Value) -> Option<Component> {
        Component::of(&self.controller.site, message["cId"].as_str()?)
    }

    /// The supervisor's first Watchdog: what the site consists of goes before what there is to tell, from core 3.3.0 on.
    async fn watched(&mut self) -> anyhow::Result<()> {
        if self.controller.state().link_up || self.components_id.is_some() {
            return Ok(());
        }
        if self.core < Some(rsmp::SINCE_3_3) {
            return self.established().await;
        }
        let id = uuid::Uuid::new_v4().to_string();
        self.components_id = Some(id.clone());
        self.send_as(&id, rsmp::component_list(&self.controller.site), false).await
    }

    /// # Errors
    /// The reason for a MessageNotAck.
    fn commanded(&self, message: &Value) -> Result<Value, String> {
        if self.core >= Some(rsmp::SINCE_3_3) && !is_of_one_command(message) {
            return Err("more than one command in a message".to_owned());
        }
        let Controller { config, site, .. } = self.controller;
        self.controller.state().ordered.command(site, config.sxl, utc_ms(), message)
    }

    /// What was refused is done with as well: it would be refused again. Without a Version in common, and with a list of
    /// components that nobody takes, there is no link.
    async fn acknowledged(&mut self, id: &str, kind: &str, message: &Value) -> anyhow::Result<()> {
        self.unacknowledged.remove(id);
        {
            let mut state = self.controller.state();
            if state.buffer.acknowledged(id) {
                state.counts.acknowledged += 1;
            }
        }
        let is_list = self.components_id.as_deref() == Some(id);
        if kind == "MessageNotAck" {
            let reason = message["rea"].as_str().unwrap_or("no reason given");
            ensure!(id != self.version_id, "refused: {reason}");
            ensure!(!is_list, "the list of components was refused: {reason}");
            eprintln!("signal-simulator: {}: refused: {reason}", self.controller.site.site_id);
        }
        if !is_list {
            return Ok(());
        }
        self.components_id = None;
        self.established().await
    }

    async fn introduced(&mut self, id: &str, message: &Value) -> anyhow::Result<()> {
        let Some(core) = rsmp::common(&self.controller.config, &self.controller.site, message) else {
            self.reply(rsmp::not_ack(id, "no version or list in common, or another site")).await?;
            bail!("no version or list in common, or another site: {message}");
        };
        self.reply(rsmp::ack(id)).await?;
        self.core = Some(core);
        self.controller.state().wants_alarms = rsmp::wants_alarms(core, message);
        // The site's Watchdog is the next message.
        self.timeout().await
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
            if state.wants_alarms {
                let alarms = state.alarms.clone();
                state.buffer.told_already(&alarms);
                alarms
            } else {
                state.buffer.forget(|message| message["type"] == "Alarm");
                Vec::new()
            }
        };
        for alarm in alarms {
            self.send(alarm, false).await?;
        }
        self.controller.state().link_up = true;
        Ok(())
    }

    async fn aggregated(&mut self) -> anyhow::Result<()> {
        let status = {
            let mut state = self.controller.state();
            let site_ms = state.site_ms(utc_ms());
            state.whole = self.controller.whole(&state);
            rsmp::aggregated_status(&self.controller.site, site_ms, state.whole)
        };
        self.send(status, false).await
    }

    /// Answers a question, or what begins a subscription.
    async fn requested(&mut self, id: &str, message: &Value, subscribe: bool) -> anyhow::Result<()> {
        let Controller { config, site, .. } = self.controller;
        let kind = if subscribe { "StatusUpdate" } else { "StatusResponse" };
        let Some(component) = self.component(message) else {
            let done = if self.core < Some(SINCE_3_1_3) {
                Err("there is no such component".to_owned())
            } else {
                let site_ms = self.controller.state().site_ms(utc_ms());
                Ok(rsmp::no_component(site, kind, site_ms, message))
            };
            return self.done(id, done).await;
        };
        let names: Option<Vec<Name>> =
            message["sS"].as_array().and_then(|all| all.iter().map(subscriptions::name).collect());
        let Some(mut names) = names.filter(|names| !names.is_empty()) else {
            return self.reply(rsmp::not_ack(id, "sS is missing")).await;
        };
        let check = |(code, name): &Name| list::check_status(config.sxl, component, code, name);
        if let Err(reason) = names.iter().try_for_each(check) {
            return self.reply(rsmp::not_ack(id, &reason)).await;
        }
        let wanted = message["sS"].as_array().into_iter().flatten();
        if subscribe && wanted.into_iter().any(subscriptions::is_pointless) {
            return self.reply(rsmp::not_ack(id, "neither an interval nor on change")).await;
        }
        self.reply(rsmp::ack(id)).await?;
        let told = {
            let mut state = self.controller.state();
            let machine_ms = utc_ms();
            if subscribe {
                // "A StatusUpdate is always sent immediately after subscription request, unless … already active."
                names = state.subscriptions.subscribe(component, &message["sS"], machine_ms);
            }
            let counted_ms = if subscribe { 0 } else { COUNTED_MS };
            let span = (machine_ms - counted_ms, machine_ms);
            let mut values = Vec::new();
            for name in names {
                let value = self.controller.value(&state, component, (&name.0, &name.1), span);
                if subscribe {
                    state.subscriptions.told(component, &name, value.as_ref());
                }
                values.push((name, value));
            }
            // Lamps are told with the time of their second.
            let groups = values.iter().all(|((code, _), _)| code == "S0001");
            let at_ms = if groups { self.controller.utc_ms(state.plan_s) } else { machine_ms };
            let site_ms = state.site_ms(at_ms);
            (!values.is_empty()).then(|| rsmp::status(site, component, kind, site_ms, values))
        };
        match told {
            Some(told) => self.send(told, false).await,
            None => Ok(()),
        }
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
        let message = rsmp::numbered(message, id, old);
        self.reply(if self.core < Some(SINCE_3_1_3) { rsmp::in_words(message) } else { message }).await
    }

    async fn reply(&mut self, message: Value) -> anyhow::Result<()> {
        self.stream.write_all(&rsmp::packet(&message)).await.context("writing")
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
