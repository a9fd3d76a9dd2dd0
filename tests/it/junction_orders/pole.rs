//! The pole by itself, with the test in the hall's place on a real zenoh router: whatever a hall sends, safety is judged
//! again, and a hall that is silent or an agent that was killed leaves no junction in an order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery, Message};
use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;
use models_wire::keys::{ALL_EVENTS, ALL_STATES, Key, What};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::Running;
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::sync::mpsc::Receiver;
use v1::event::Body;

use super::street::{WAIT, start_pole, start_street};

fn gateway() -> GatewayId {
    "edge-street".parse().unwrap()
}

pub fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    for (folder, name) in [("hall", "hall"), ("certificates", "edge-street.000000000001")] {
        let out = dir.join(folder);
        fs::create_dir_all(&out).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &ca).unwrap();
        fs::write(out.join("ca.pem"), ca.pem()).unwrap();
        fs::write(out.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(out.join("key.pem"), key.serialize_pem()).unwrap();
    }
}

/// The hall's place on the bus.
pub struct Hall {
    pub bus: ZenohBus,
    pub events: Receiver<Message>,
    states: Receiver<Message>,
    clock: SystemClock,
    /// What was told of orders, and when it happened.
    told: Vec<(i64, String)>,
    number: u64,
}

impl Hall {
    pub async fn open(dir: &Path) -> Self {
        let file = |name: &str| dir.join("hall").join(name);
        let tls = TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
        let role = Role::Hall { listen: "127.0.0.1:0".into(), access: Access::Everybody };
        let bus = ZenohBus::open(BusSettings { role, tls }).await.unwrap();
        let events = bus.subscribe(ALL_EVENTS, 1_000).await.unwrap();
        let states = bus.subscribe(ALL_STATES, 1_000).await.unwrap();
        Self { bus, events, states, clock: SystemClock::new(), told: Vec::new(), number: 1_000 }
    }

    fn order(&mut self, wish: v1::SignalWish) -> v1::SignalOrder {
        self.number += 1;
        let now = self.clock.now().0;
        v1::SignalOrder {
            number: self.number,
            junction: "a".into(),
            wanted: Some(v1::SignalWanted { wish: wish.into(), plan: 2, groups: vec![] }),
            made_ms: now,
            expires_ms: now + 40_000,
            patience_ms: 0,
        }
    }

    /// The codes of its refusals, in order, once each; empty when it was taken.
    async fn send(&self, order: &v1::SignalOrder) -> String {
        let key = Key::new(&gateway(), What::Orders).to_string();
        // A pole whose link is just coming back answers nothing, and has not heard the question.
        let until = tokio::time::Instant::now() + WAIT;
        let answer = loop {
            let answers = self.bus.ask(&key, order.encode_to_vec(), WAIT).await.unwrap();
            if let Some(answer) = answers.into_iter().next() {
                break answer;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "the pole answers nothing to order {}",
                order.number
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let answer = v1::SignalOrderAnswer::decode(&answer.payload[..]).unwrap();
        let mut codes: Vec<String> = answer.refusals.into_iter().map(|refusal| refusal.code).collect();
        codes.dedup();
        codes.join(" ")
    }

    async fn hold(&self, number: u64) {
        let key = Key::new(&gateway(), What::Holds).to_string();
        let held = v1::SignalHolds { numbers: vec![number] }.encode_to_vec();
        self.bus.publish(&key, held, Delivery::NewestWins).await.unwrap();
    }

    /// Waits until `line` was told, holding `number` meanwhile; when it happened.
    async fn until(&mut self, line: &str, hold: Option<u64>) -> i64 {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            if let Some((at, _)) = self.told.iter().find(|(_, told)| told.starts_with(line)) {
                return *at;
            }
            assert!(tokio::time::Instant::now() < until, "{line}: only {:?} was told", self.told);
            if let Some(number) = hold {
                self.hold(number).await;
            }
            if let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(1), self.events.recv()).await
            {
                self.hear(&message).await;
            }
        }
    }

    pub async fn hear(&mut self, message: &Message) {
        let batch = v1::EventBatch::decode(&message.payload[..]).unwrap();
        let mut last = 0;
        for event in batch.events {
            last = last.max(event.seq);
            if let Some(Body::SignalOrder(told)) = event.body {
                let line = format!("{} {:?} {}", told.number, told.step(), told.detail);
                if !self.told.iter().any(|(_, known)| *known == line) {
                    self.told.push((event.at_ms, line));
                }
            }
        }
        let stored = v1::StoredUpTo { boot: batch.boot, seq: last }.encode_to_vec();
        let key = Key::new(&gateway(), What::Stored).to_string();
        self.bus.publish(&key, stored, Delivery::NewestWins).await.unwrap();
    }

    /// Waits until the pole says so of its junction.
    async fn state(&mut self, what: &str, reached: impl Fn(&v1::JunctionInfo) -> bool) {
        let wait = async {
            loop {
                let message = self.states.recv().await.unwrap();
                let state = v1::GatewayState::decode(&message.payload[..]).unwrap();
                if state.junctions.iter().any(&reached) {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "{what}: did not come");
    }

    /// Until the first group has just become green, or is yellow.
    async fn groups(&mut self, wanted: &str) {
        let wait = async {
            loop {
                let message = self.events.recv().await.unwrap();
                let batch = v1::EventBatch::decode(&message.payload[..]).unwrap();
                let is = |event: &v1::Event| matches!(&event.body, Some(Body::Signal(signal)) if signal.groups == wanted);
                let newest = batch.events.last().is_some_and(is);
                self.hear(&message).await;
                if newest {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "groups {wanted}: did not come");
    }
}

async fn world(dir: &Path) -> (Hall, String, Running, Running) {
    certificates(dir);
    let mut hall = Hall::open(dir).await;
    let address = hall.bus.listening().await.unwrap().to_string();
    let rsmp = free_address();
    let pole = start_pole(dir, &address, &rsmp, "certificates");
    let street = start_street(dir, &rsmp);
    hall.state("mode, plan and link", |j| {
        j.link() == v1::Link::Up
            && j.now.as_ref().is_some_and(|now| now.plan == Some(1) && now.mode() == v1::SignalMode::Normal)
    })
    .await;
    (hall, rsmp, pole, street)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pole_judges_again_whatever_the_hall_sends() {
    let dir = tempfile::tempdir().unwrap();
    let (mut hall, _rsmp, _pole, _street) = world(dir.path()).await;
    use v1::SignalWish as W;

    let mut late = hall.order(W::Plan);
    late.made_ms -= 6_000;
    assert_eq!(hall.send(&late).await, "too_old");
    let mut expired = hall.order(W::Plan);
    expired.expires_ms = expired.made_ms;
    assert_eq!(hall.send(&expired).await, "too_old");
    let mut ahead = hall.order(W::Plan);
    ahead.made_ms += 5_000;
    assert_eq!(hall.send(&ahead).await, "from_the_future");
    let mut long = hall.order(W::Flash);
    long.expires_ms += 3 * 3_600_000;
    assert!(hall.send(&long).await.contains("too_long"));
    let with = |mut order: v1::SignalOrder, plan, groups: &[u32]| {
        let wanted = order.wanted.as_mut().unwrap();
        (wanted.plan, wanted.groups) = (plan, groups.to_vec());
        order
    };
    let ninth = with(hall.order(W::Plan), 9, &[]);
    assert_eq!(hall.send(&ninth).await, "no_such_plan");
    let conflict = with(hall.order(W::Groups), 0, &[1, 2]);
    assert!(hall.send(&conflict).await.contains("conflict"));
    let nobody = with(hall.order(W::Groups), 0, &[]);
    assert!(hall.send(&nobody).await.contains("no_group"));
    let tenth = with(hall.order(W::Groups), 0, &[10]);
    assert!(hall.send(&tenth).await.contains("no_such_group"));
    let elsewhere = v1::SignalOrder { junction: "b".into(), ..hall.order(W::Plan) };
    assert_eq!(hall.send(&elsewhere).await, "not_commanded");

    // Just green, then those on foot, then yellow: each says no, and says why.
    hall.groups("1B1").await;
    let dark = hall.order(W::Dark);
    assert_eq!(hall.send(&dark).await, "minimum_green");
    hall.groups("4B9").await;
    let dark = hall.order(W::Dark);
    assert_eq!(hall.send(&dark).await, "pedestrian_clearance");
    hall.groups("NBB").await;
    let dark = hall.order(W::Dark);
    assert!(hall.send(&dark).await.contains("changing"));
    let mut hold = with(hall.order(W::Groups), 0, &[1]);
    hold.expires_ms = hold.made_ms + 100_000;
    assert!(hall.send(&hold).await.contains("maximum_red"));

    // Granted, then the very same again, then an older number.
    let plan = hall.order(W::Plan);
    assert_eq!(hall.send(&plan).await, "");
    hall.until(&format!("{} Done mode normal, plan 2 (ordered)", plan.number), Some(plan.number)).await;
    assert!(hall.send(&plan).await.starts_with("doubled"));
    let older = v1::SignalOrder { number: plan.number - 1, ..hall.order(W::Flash) };
    assert!(hall.send(&older).await.starts_with("doubled"));

    // The hall falls silent: back on the own plan within the backup time.
    hall.hold(plan.number).await;
    let silent = hall.clock.now().0;
    let ended = hall.until(&format!("{} Ended link_loss", plan.number), None).await;
    println!("on its own plan {} ms after the hall was last heard", ended - silent);
    assert!((9_000..15_000).contains(&(ended - silent)), "{} ms", ended - silent);
    hall.state("its own plan", |j| {
        j.now
            .as_ref()
            .is_some_and(|now| now.plan == Some(1) && now.plan_forced == Some(false) && now.order == 0)
    })
    .await;

    let mut codes = Vec::new();
    for _ in 0..7 {
        let order = hall.order(W::Plan);
        codes.push(hall.send(&order).await);
    }
    assert!(codes.last().unwrap().contains("too_many_changes"), "{codes:?}");
    // Whatever was ordered, the own plan is never refused for its rate.
    let own = hall.order(W::OwnPlan);
    assert_eq!(hall.send(&own).await, "");
    hall.until(&format!("{} Done mode normal, plan 1", own.number), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pole_that_is_killed_ends_its_order_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut hall, rsmp, mut pole, _street) = world(dir.path()).await;
    let mut flash = hall.order(v1::SignalWish::Flash);
    flash.patience_ms = 30_000;
    assert_eq!(hall.send(&flash).await, "");
    hall.until(&format!("{} Done mode flash", flash.number), Some(flash.number)).await;
    pole.kill();
    let address = hall.bus.listening().await.unwrap().to_string();
    let _pole = start_pole(dir.path(), &address, &rsmp, "certificates");
    hall.until(&format!("{} Ended restart", flash.number), Some(flash.number)).await;
    hall.state("normal control", |j| {
        j.now.as_ref().is_some_and(|now| now.mode() == v1::SignalMode::Normal && now.order == 0)
    })
    .await;
    // Its number is still known.
    let again = v1::SignalOrder { number: flash.number, ..hall.order(v1::SignalWish::Plan) };
    assert!(hall.send(&again).await.starts_with("doubled"));
}
