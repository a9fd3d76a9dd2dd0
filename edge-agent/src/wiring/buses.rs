//! The bus adapter: a part for each listener, feed and broker, so that none stops another.

use std::collections::BTreeMap;
use std::sync::Arc;

use edge_agent_core::gps_worker::GpsWorker;
use edge_agent_core::statements::Statements;
use hardware_gps::broker::{Consumer, ConsumerSettings, Forwarder, Publisher, PublisherSettings, Relay};
use hardware_gps::feeds::{self, FeedSettings};
use hardware_gps::protocols::Zone;
use hardware_gps::server::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::sink::{GpsReport, Sink, Statement};
use models_domain::VehicleId;
use tokio_util::sync::CancellationToken;

use super::{Part, Pole};
use crate::config::Config;
use crate::config::buses::{Buses, GpsFeed, GpsListener, UfmsFrom, UfmsTo};

type Fixes = Arc<dyn Sink<GpsReport>>;
type Facts = Arc<dyn Sink<Statement>>;

pub(super) fn parts(config: &Config, pole: &Pole, stop: &CancellationToken) -> Vec<Part> {
    let Some(buses) = &config.buses else { return Vec::new() };
    let mut sink: Fixes = Arc::new(GpsWorker::new(pole.keeper.clone(), pole.clock.clone()));
    let mut parts = Vec::new();
    if let (Some(to), Some(shelf)) = (&buses.ufms_to, &pole.relayed) {
        let relay = Relay::new(sink, plates(to), shelf.clone(), shelf.left());
        let relay = Arc::new(relay.with_registrations(&to.registrations));
        parts.push(giver(to, relay.clone(), pole, stop));
        sink = relay;
    }
    buses.listen.iter().filter_map(|one| open_to_all(one, buses)).for_each(|text| tracing::warn!("{text}"));
    parts.extend(buses.listen.iter().map(|one| listener(one, buses, sink.clone(), pole, stop)));
    parts.extend(buses.feeds.iter().map(|one| feed(one, sink.clone(), pole, stop)));
    if let Some(from) = &buses.ufms_from {
        let mut statements: Facts =
            Arc::new(Statements::at(&config.gateway.data_dir.join("statements.jsonl")));
        if let (Some(to), Some(shelf)) = (&buses.ufms_to, &pole.forwarded) {
            let forwarder = Arc::new(Forwarder::new(statements, shelf.clone()));
            parts.push(forwarding(to, forwarder.clone(), stop));
            statements = forwarder;
        }
        parts.push(taker(from, sink, statements, pole, stop));
    }
    parts
}

/// What is said of a port at which every device is taken: trackers do not prove who they are.
fn open_to_all(one: &GpsListener, buses: &Buses) -> Option<String> {
    let transport = if one.udp { "udp" } else { "tcp" };
    buses.devices.is_none().then(|| {
        format!(
            "[buses] {} {} ({transport}) takes every device: anybody who reaches this port may fill the store with made-up \
             positions; name your trackers in buses.devices, and let none but their network reach the port",
            one.protocol, one.address
        )
    })
}

fn listener(one: &GpsListener, buses: &Buses, sink: Fixes, pole: &Pole, stop: &CancellationToken) -> Part {
    let zones = buses.zone_by_device.iter().filter_map(|(d, z)| Some((d.clone(), z.parse::<Zone>().ok()?)));
    let settings = GpsServerSettings {
        listeners: vec![Listener {
            protocol: one.protocol.clone(),
            address: one.address,
            transport: if one.udp { Transport::Udp } else { Transport::Tcp },
            zone: one.zone.as_deref().and_then(|z| z.parse().ok()),
        }],
        zone_by_device: zones.collect(),
        devices: buses.devices.clone(),
        limits: Limits { connections: buses.connections_max, ..Limits::default() },
    };
    let (clock, stop) = (pole.clock.clone(), stop.clone());
    let orders = pole.orders.clone().unwrap_or_default();
    let protocol = one.protocol.clone();
    Part::new(format!("[buses] {protocol} {}", one.address), move |begun| {
        let protocol = protocol.clone();
        let (settings, sink, clock, stop) = (settings.clone(), sink.clone(), clock.clone(), stop.clone());
        let orders = orders.clone();
        async move {
            let server = GpsServer::bind(settings).await?.with_orders(orders);
            // Where port 0 was asked for, the one that was free.
            let bound: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
            begun.well_as(format!("[buses] {protocol} {}", bound.join(" ")));
            server.run(sink, clock, stop).await;
            Ok(())
        }
    })
}

fn feed(one: &GpsFeed, sink: Fixes, pole: &Pole, stop: &CancellationToken) -> Part {
    let settings = FeedSettings {
        protocol: one.protocol.clone(),
        url: one.url.clone(),
        headers: one.headers.clone(),
        every: one.every,
        zone: one.zone.as_deref().and_then(|z| z.parse().ok()),
        prefix: one.prefix.clone(),
    };
    let (clock, stop) = (pole.clock.clone(), stop.clone());
    // The query may hold a key.
    let shown = one.url.split('?').next().unwrap_or("").to_owned();
    Part::new(format!("[buses] {} {shown}", one.protocol), move |begun| {
        let (settings, sink, clock, stop) = (settings.clone(), sink.clone(), clock.clone(), stop.clone());
        async move {
            let mut feed = feeds::Feed::new(settings)?;
            feed.poll(&*sink, &*clock).await?;
            begun.well();
            Ok(feed.run(&*sink, &*clock, &stop).await?)
        }
    })
}

fn taker(from: &UfmsFrom, sink: Fixes, statements: Facts, pole: &Pole, stop: &CancellationToken) -> Part {
    let settings =
        ConsumerSettings { url: from.url.clone(), queue: from.queue.clone(), prefetch: from.prefetch };
    let (clock, stop) = (pole.clock.clone(), stop.clone());
    Part::new(format!("[buses] ufms from {}", from.queue), move |begun| {
        let (settings, sink, clock, stop) = (settings.clone(), sink.clone(), clock.clone(), stop.clone());
        let statements = statements.clone();
        async move {
            let consumer = Consumer::subscribe(&settings).await?;
            begun.well();
            Ok(consumer.run(sink, statements, clock, stop).await?)
        }
    })
}

fn giver(to: &UfmsTo, relay: Arc<Relay>, pole: &Pole, stop: &CancellationToken) -> Part {
    let settings = to_the_directorate(to);
    let (clock, stop) = (pole.clock.clone(), stop.clone());
    Part::new(format!("[buses] ufms to {}", to.routing_key), move |begun| {
        let (settings, relay, clock, stop) = (settings.clone(), relay.clone(), clock.clone(), stop.clone());
        async move {
            let publisher = Publisher::connect(settings).await?;
            begun.well();
            Ok(relay.run(publisher, &*clock, &stop).await?)
        }
    })
}

/// Beside [`giver`], on a connection of its own: tickets hold up no position.
fn forwarding(to: &UfmsTo, forwarder: Arc<Forwarder>, stop: &CancellationToken) -> Part {
    let (settings, stop) = (to_the_directorate(to), stop.clone());
    Part::new(format!("[buses] ufms statements to {}", to.routing_key), move |begun| {
        let (settings, forwarder, stop) = (settings.clone(), forwarder.clone(), stop.clone());
        async move {
            let publisher = Publisher::connect(settings).await?;
            begun.well();
            Ok(forwarder.run(publisher, &stop).await?)
        }
    })
}

fn to_the_directorate(to: &UfmsTo) -> PublisherSettings {
    PublisherSettings {
        url: to.url.clone(),
        exchange: to.exchange.clone(),
        routing_key: to.routing_key.clone(),
    }
}

fn plates(to: &UfmsTo) -> BTreeMap<VehicleId, String> {
    let named =
        |(device, plate): (&String, &String)| Some((VehicleId::from_device(device).ok()?, plate.clone()));
    to.plate_by_device.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_that_takes_every_device_is_named_with_what_to_do() {
        let door = |protocol: &str, address: &str, udp: bool| GpsListener {
            protocol: protocol.to_owned(),
            address: address.parse().unwrap(),
            udp,
            zone: None,
        };
        let warned = |devices: Option<&str>| {
            let buses = Buses {
                listen: vec![door("gt06", "0.0.0.0:5023", false), door("any", "[::]:5055", true)],
                feeds: Vec::new(),
                ufms_from: None,
                ufms_to: None,
                zone_by_device: BTreeMap::new(),
                devices: devices.map(|one| [one.to_owned()].into()),
                connections_max: 1,
            };
            buses.listen.iter().filter_map(|one| open_to_all(one, &buses)).collect::<Vec<_>>()
        };
        let told = warned(None);
        assert_eq!(told.len(), 2);
        for (text, port) in told.iter().zip(["gt06 0.0.0.0:5023 (tcp)", "any [::]:5055 (udp)"]) {
            assert!(text.starts_with(&format!("[buses] {port} takes every device: anybody")), "{text}");
            assert!(text.contains("buses.devices"), "{text}");
        }
        assert_eq!(warned(Some("864717003283581")), Vec::<String>::new());
    }
}
