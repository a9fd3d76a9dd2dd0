//! `[buses]`: trackers that dial in, operators' servers that are asked, the directorate's message broker.

mod registrations;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use hardware_gps::protocols::ufms::Registrations;
use toml::Spanned;

use super::reader::Section;
use super::{Known, one_of};

#[derive(Debug)]
pub struct Buses {
    pub listen: Vec<GpsListener>,
    pub feeds: Vec<GpsFeed>,
    /// A queue with an operator's UFMS messages.
    pub ufms_from: Option<UfmsFrom>,
    /// Where positions are sent on to.
    pub ufms_to: Option<UfmsTo>,
    /// Zone of single devices' clocks, by what the device calls itself.
    pub zone_by_device: BTreeMap<String, String>,
    /// The devices that are taken, by what they call themselves; `None` takes every one.
    pub devices: Option<BTreeSet<String>>,
    /// Open connections of one listener.
    pub connections_max: usize,
}

#[derive(Debug)]
pub struct GpsListener {
    pub protocol: String,
    pub address: SocketAddr,
    pub udp: bool,
    pub zone: Option<String>,
}

#[derive(Debug)]
pub struct GpsFeed {
    pub protocol: String,
    pub url: String,
    pub every: Duration,
    pub headers: Vec<(String, String)>,
    pub zone: Option<String>,
    /// Put before the name of each vehicle.
    pub prefix: String,
}

#[derive(Debug, Clone)]
pub struct UfmsFrom {
    pub url: String,
    pub queue: String,
    pub prefetch: u16,
}

#[derive(Debug, Clone)]
pub struct UfmsTo {
    pub url: String,
    pub exchange: String,
    pub routing_key: String,
    /// What the directorate calls a vehicle, by what its tracker calls itself.
    pub plate_by_device: BTreeMap<String, String>,
    /// What it is told before any position.
    pub registrations: Registrations,
    /// Whether vehicles, drivers, companies and tickets that come by [`Buses::ufms_from`] are sent on too.
    pub statements: bool,
}

pub(super) fn read(mut section: Section<'_, '_>, known: &Known) -> Buses {
    let zone = |text: &str| (known.zone)(text).map(|()| text.to_owned());
    let otherwise = section.optional_with("zone", zone).map(Spanned::into_inner);
    let none = ["listen", "feed", "ufms_from"].into_iter().all(|way| !section.has(way));
    if none {
        section.problem(&section.span(), "listen, feed, ufms_from", "is missing: at least one is needed");
    }
    let listen = listeners(&mut section, known, otherwise.as_deref());
    let feeds = feeds(&mut section, known, otherwise.as_deref());
    let ufms_from = section.section("ufms_from").and_then(ufms_from);
    let ufms_to = section.section("ufms_to").and_then(|one| self::ufms_to(one, ufms_from.as_ref()));
    let connections_max = section.number("connections_max", 1.0..=1_000_000.0, 4096.0) as usize;
    let devices = devices(&mut section);
    let zones = section.section("zones").map(|mut s| s.pairs(zone)).unwrap_or_default();
    let zone_by_device = zones.into_iter().collect();
    Buses { listen, feeds, ufms_from, ufms_to, zone_by_device, devices, connections_max }
}

fn listeners(section: &mut Section<'_, '_>, known: &Known, otherwise: Option<&str>) -> Vec<GpsListener> {
    let zone = |text: &str| (known.zone)(text).map(|()| text.to_owned());
    let mut listen = Vec::new();
    for mut one in section.sections("listen") {
        let protocol = one.required_with("protocol", |text| one_of(text, &known.gps_protocols));
        let address = one.required::<SocketAddr>("address");
        let transport = one.optional_with("transport", |text| one_of(text, &["tcp", "udp"]));
        let own_zone = one.optional_with("zone", zone).map(Spanned::into_inner);
        let (Some(protocol), Some(address)) = (protocol, address) else { continue };
        listen.push(GpsListener {
            protocol: protocol.into_inner(),
            address: address.into_inner(),
            udp: transport.is_some_and(|t| t.get_ref() == "udp"),
            zone: own_zone.or_else(|| otherwise.map(ToOwned::to_owned)),
        });
    }
    listen
}

fn feeds(section: &mut Section<'_, '_>, known: &Known, otherwise: Option<&str>) -> Vec<GpsFeed> {
    let zone = |text: &str| (known.zone)(text).map(|()| text.to_owned());
    let mut feeds = Vec::new();
    for mut one in section.sections("feed") {
        let protocol = one.required_with("protocol", |text| one_of(text, &known.feed_protocols));
        let url = one.required_with("url", |text| scheme(text, &["http", "https"]));
        let every = Duration::from_secs_f64(one.number("every_s", 1.0..=3600.0, 15.0));
        let own_zone = one.optional_with("zone", zone).map(Spanned::into_inner);
        let prefix = one.optional_with("prefix", prefix).map(Spanned::into_inner).unwrap_or_default();
        let text = |text: &str| Ok(text.to_owned());
        let headers = one.section("headers").map(|mut s| s.pairs(text)).unwrap_or_default();
        let (Some(protocol), Some(url)) = (protocol, url) else { continue };
        let zone = own_zone.or_else(|| otherwise.map(ToOwned::to_owned));
        let (protocol, url) = (protocol.into_inner(), url.into_inner());
        feeds.push(GpsFeed { protocol, url, every, headers, zone, prefix });
    }
    feeds
}

/// With it a vehicle's name must still be an id of 64 letters.
const PREFIX_MAX: usize = 16;

fn prefix(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if (1..=PREFIX_MAX).contains(&text.len()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not 1 to {PREFIX_MAX} of a-z, 0-9, '_' and '-'"))
}

fn ufms_from(mut section: Section<'_, '_>) -> Option<UfmsFrom> {
    let url = section.required_with("url", |text| scheme(text, &["amqp", "amqps"]));
    let queue = section.required::<String>("queue");
    let prefetch = section.number("prefetch", 1.0..=10_000.0, 200.0) as u16;
    Some(UfmsFrom { url: url?.into_inner(), queue: queue?.into_inner(), prefetch })
}

fn ufms_to(mut section: Section<'_, '_>, from: Option<&UfmsFrom>) -> Option<UfmsTo> {
    let url = section.required_with("url", |text| scheme(text, &["amqp", "amqps"]));
    let exchange = section.optional::<String>("exchange").map(Spanned::into_inner).unwrap_or_default();
    let routing_key = section.required::<String>("routing_key");
    let text = |text: &str| Ok(text.to_owned());
    let plates = section.section("plates").map(|mut s| s.pairs(text)).unwrap_or_default();
    if plates.is_empty() {
        section.problem(&section.span(), "plates", "names no vehicle: nothing would be sent");
    }
    let statements = section.optional::<bool>("statements").map(Spanned::into_inner).unwrap_or_default();
    let plate_by_device = plates.into_iter().collect();
    let registrations = registrations::read(&mut section, &plate_by_device);
    let (url, routing_key) = (url?.into_inner(), routing_key?.into_inner());
    let why = match from {
        None => Some("is true, and there is no [buses.ufms_from] that they could come by"),
        Some(from) if from.url == url && exchange.is_empty() && from.queue == routing_key => Some(
            "is true, and they would go back into the queue of [buses.ufms_from]: name another routing_key",
        ),
        Some(_) => None,
    };
    if let Some(why) = why.filter(|_| statements) {
        section.problem(&section.span(), "statements", why);
    }
    Some(UfmsTo { url, exchange, routing_key, plate_by_device, registrations, statements })
}

/// An address may hold a password: a wrong one is not repeated.
fn scheme(text: &str, schemes: &[&str]) -> Result<String, String> {
    match text.split_once("://") {
        Some((scheme, rest)) if schemes.contains(&scheme) && !rest.is_empty() => Ok(text.to_owned()),
        Some(_) | None => Err(format!("is not an address that begins with {}://", schemes.join(":// or "))),
    }
}

fn devices(section: &mut Section<'_, '_>) -> Option<BTreeSet<String>> {
    if !section.has("devices") {
        return None;
    }
    let devices: BTreeSet<String> = section.list("devices").into_iter().collect();
    if devices.is_empty() {
        section.problem(&section.span(), "devices", "names no device; leave it out to take every one");
    }
    Some(devices)
}
