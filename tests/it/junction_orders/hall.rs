//! The whole way, with real programs: people ask by gRPC, a second person approves, outcomes come back with the audit, and
//! the junction is on its own plan again when its time is over, the wire is cut or the hall is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use serde_json::Value;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use v1::SignalWish as W;
use v1::session_service_client::SessionServiceClient;
use v1::signal_service_client::SignalServiceClient;

use super::street::{WAIT, Wire, start_pole, start_street};

pub struct Hall {
    dir: PathBuf,
    program: Running,
    pub channel: Channel,
    https: String,
    pub bus: String,
    /// What its configuration has besides: keys of `[hall]`, and tables.
    text: (String, String),
}

/// Somebody who has signed in.
pub struct Person<'a> {
    hall: &'a Hall,
    pub token: String,
}

impl Hall {
    pub async fn start(dir: &Path, https: &str, bus: &str) -> (Self, Option<String>) {
        Self::start_with(dir, https, bus, "").await
    }

    /// `more`: of its configuration.
    pub async fn start_with(dir: &Path, https: &str, bus: &str, more: &str) -> (Self, Option<String>) {
        Self::start_of(dir, (https, bus), "", more).await
    }

    /// `keys`: of `[hall]`; on free ports.
    pub async fn start_in(dir: &Path, keys: &str, more: &str) -> (Self, Option<String>) {
        Self::start_of(dir, ("127.0.0.1:0", "127.0.0.1:0"), keys, more).await
    }

    async fn start_of(
        dir: &Path,
        (https, bus): (&str, &str),
        keys: &str,
        more: &str,
    ) -> (Self, Option<String>) {
        let text = format!(
            "[hall]\ndata_dir = \"hall\"\nlisten = \"{https}\"\n{keys}\n[bus]\nlisten = \"{bus}\"\n{more}"
        );
        fs::write(dir.join("hall.toml"), text).unwrap();
        let mut program = Running::start(
            Command::new(program("control-center")).args(["serve", "--config", "hall.toml"]).current_dir(dir),
        );
        let mut password = None;
        let ready = loop {
            let line = program.line(WAIT);
            if let Some((_, word)) = line.split_once("Password ") {
                password = Some(word.trim().to_owned());
            }
            if line.starts_with('{') {
                break serde_json::from_str::<Value>(&line).unwrap();
            }
        };
        let ca = Certificate::from_pem(fs::read(dir.join("hall/tls/ca.pem")).unwrap());
        let page = ready["https"].as_str().unwrap().to_owned();
        let tls = ClientTlsConfig::new().ca_certificate(ca);
        let endpoint = Endpoint::from_shared(page.clone()).unwrap().tls_config(tls).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let bus = ready["bus"].as_str().unwrap().strip_prefix("tls/").unwrap().to_owned();
        let https = page.strip_prefix("https://").unwrap().to_owned();
        let text = (keys.to_owned(), more.to_owned());
        (Self { dir: dir.to_owned(), program, channel, https, bus, text }, password)
    }

    pub fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(program("control-center"));
        let out = command.args(args).args(["--config", "hall.toml"]).current_dir(&self.dir).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// What a command that must fail says.
    pub fn fail(&self, args: &[&str]) -> String {
        let mut command = Command::new(program("control-center"));
        let out = command.args(args).args(["--config", "hall.toml"]).current_dir(&self.dir).output().unwrap();
        assert!(!out.status.success(), "it must fail: {args:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    pub fn add_user(&self, name: &str, role: &str) -> String {
        self.add_user_with(name, &["--role", role])
    }

    /// The new user's password.
    pub fn add_user_with(&self, name: &str, more: &[&str]) -> String {
        let told = self.run(&[&["add-user", "--user", name][..], more].concat());
        told.split_once("Password ").unwrap().1.split_whitespace().next().unwrap().to_owned()
    }

    pub async fn sign_in(&self, name: &str, password: &str) -> Person<'_> {
        let mut session = SessionServiceClient::new(self.channel.clone());
        let request = v1::SignInRequest { name: name.into(), password: password.into() };
        Person { hall: self, token: session.sign_in(request).await.unwrap().into_inner().token }
    }

    /// Somebody who signed in before it was killed.
    pub fn person(&self, token: String) -> Person<'_> {
        Person { hall: self, token }
    }

    /// Killed, and started again on the same ports after so long.
    pub async fn kill_and_start(mut self, away: Duration) -> Self {
        self.program.kill();
        tokio::time::sleep(away).await;
        let (keys, more) = &self.text;
        Self::start_of(&self.dir, (&self.https, &self.bus), keys, more).await.0
    }
}

fn wanted(wish: W) -> Option<v1::SignalWanted> {
    Some(v1::SignalWanted { wish: wish.into(), plan: 2, groups: vec![2] })
}

impl Person<'_> {
    pub fn calls(&self) -> SignalServiceClient<Channel> {
        SignalServiceClient::new(self.hall.channel.clone())
    }

    pub fn channel(&self) -> Channel {
        self.hall.channel.clone()
    }

    pub fn with<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    pub async fn ask(&self, wish: W, seconds: i64) -> Result<v1::SignalOrderRow, tonic::Status> {
        self.ask_for(v1::RequestOrderRequest {
            junction: "a".into(),
            wanted: wanted(wish),
            hold_ms: seconds * 1_000,
            patience_ms: 30_000,
            purpose: "thử nghiệm".into(),
        })
        .await
    }

    pub async fn ask_for(&self, asked: v1::RequestOrderRequest) -> Result<v1::SignalOrderRow, tonic::Status> {
        self.calls().request_order(self.with(asked)).await.map(tonic::Response::into_inner)
    }

    pub async fn approve(&self, id: u64) -> Result<v1::SignalOrderRow, tonic::Status> {
        let asked = self.with(v1::ApproveOrderRequest { id });
        self.calls().approve_order(asked).await.map(tonic::Response::into_inner)
    }

    async fn preview(&self, wish: W) -> v1::OrderPreview {
        let asked = v1::PreviewOrderRequest { junction: "a".into(), wanted: wanted(wish), hold_ms: 20_000 };
        self.calls().preview_order(self.with(asked)).await.unwrap().into_inner()
    }

    pub async fn row(&self, id: u64) -> v1::SignalOrderRow {
        let asked =
            self.with(v1::ListOrdersRequest { junction: "a".into(), adaptive: true, ..Default::default() });
        let rows = self.calls().list_orders(asked).await.unwrap().into_inner().orders;
        rows.into_iter().find(|row| row.id == id).unwrap()
    }

    async fn now(&self) -> v1::SignalNow {
        let asked = self.with(v1::GetJunctionRequest { junction: "a".into() });
        let junction = self.calls().get_junction(asked).await;
        junction.ok().and_then(|junction| junction.into_inner().now).unwrap_or_default()
    }

    /// Waits until the order is in this state.
    pub async fn until(&self, id: u64, state: &str) -> v1::SignalOrderRow {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let row = self.row(id).await;
            if row.state == state {
                return row;
            }
            assert!(tokio::time::Instant::now() < until, "not {state}: {row:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn until_now(&self, what: &str, reached: impl Fn(&v1::SignalNow) -> bool) {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let now = self.now().await;
            if reached(&now) {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {now:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn on_its_own_plan(&self) {
        self.until_now("its own plan", |now| {
            now.mode() == v1::SignalMode::Normal && now.plan == Some(1) && now.order == 0
        })
        .await;
    }
}

#[track_caller]
pub fn refused(answer: Result<v1::SignalOrderRow, tonic::Status>, code: Code, want: &str) {
    let err = answer.unwrap_err();
    assert!(err.code() == code && err.message().contains(want), "{err:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_page_to_the_controller_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start(dir, "127.0.0.1:0", "127.0.0.1:0").await;
    let password = password.unwrap();
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let (second, looker) = (hall.add_user("lan", "administrator"), hall.add_user("khach", "viewer"));
    let wire = Wire::to(hall.bus.clone()).await;
    let rsmp = free_address();
    let _pole = start_pole(dir, &wire.address, &rsmp, "certificates");
    let _street = start_street(dir, &rsmp);
    let admin = hall.sign_in("admin", &password).await;
    let lan = hall.sign_in("lan", &second).await;
    let khach = hall.sign_in("khach", &looker).await;
    admin.on_its_own_plan().await;

    who_may(&admin, &khach).await;
    what_safety_refuses(&admin).await;

    // A plan, read back from the controller, then the own plan again.
    let plan = admin.ask(W::Plan, 120).await.unwrap();
    let done = admin.until(plan.id, "done").await;
    assert!(done.detail.starts_with("mode normal, plan 2 (ordered)"), "{done:?}");
    admin.until_now("plan 2", |now| now.plan == Some(2) && now.plan_forced == Some(true)).await;
    let own = admin.ask(W::OwnPlan, 0).await.unwrap();
    admin.until(own.id, "done").await;
    assert_eq!(admin.row(plan.id).await.state, "ended");
    admin.on_its_own_plan().await;

    two_people(&admin, &lan).await;

    // The side street's green, as soon as those before it have left.
    let group = lan.ask(W::Groups, 25).await.unwrap();
    let done = lan.until(group.id, "done").await;
    assert!(done.detail.ends_with("green 2"), "{done:?}");
    let ended = lan.until(group.id, "ended").await;
    assert_eq!(ended.detail, "expiry");
    admin.on_its_own_plan().await;

    audit_tells(&hall);

    // The wire is cut: the junction is on its own plan within the backup time, and the hall hears of it afterwards.
    let cut = admin.ask(W::Plan, 600).await.unwrap();
    admin.until(cut.id, "done").await;
    wire.cut();
    let at = SystemClock::new().now().0;
    tokio::time::sleep(Duration::from_secs(14)).await;
    wire.mend();
    let ended = admin.until(cut.id, "ended").await;
    println!("own plan {} ms after the wire was cut", ended.state_ms - at);
    assert_eq!(ended.detail, "link_loss");
    assert!((5_000..16_000).contains(&(ended.state_ms - at)), "{ended:?}");
    admin.on_its_own_plan().await;
    drop((lan, khach));

    // Killed in the middle of an order and back within the backup time: the order goes on, its outcome is not lost.
    let middle = admin.ask(W::Plan, 600).await.unwrap();
    assert!(matches!(middle.state.as_str(), "taken" | "done"), "{middle:?}");
    let token = admin.token.clone();
    let hall = hall.kill_and_start(Duration::from_secs(1)).await;
    let admin = Person { hall: &hall, token: token.clone() };
    admin.until(middle.id, "done").await;
    admin.until_now("plan 2 goes on", |now| now.plan == Some(2) && now.order != 0).await;

    // Killed for longer.
    let at = SystemClock::new().now().0;
    let hall = hall.kill_and_start(Duration::from_secs(14)).await;
    let admin = Person { hall: &hall, token };
    let ended = admin.until(middle.id, "ended").await;
    println!("own plan {} ms after the hall was killed", ended.state_ms - at);
    assert_eq!(ended.detail, "link_loss");
    assert!((5_000..16_000).contains(&(ended.state_ms - at)), "{ended:?}");
    admin.on_its_own_plan().await;
    let log = fs::read_to_string(dir.join("pole.log")).unwrap();
    assert!(!log.contains("2222"), "the security code is in the log");
}

async fn who_may(admin: &Person<'_>, khach: &Person<'_>) {
    refused(khach.ask(W::Plan, 60).await, Code::PermissionDenied, "khach may not command");
    let get = |person: &Person<'_>| person.with(v1::GetJunctionRequest { junction: "a".into() });
    let seen = khach.calls().get_junction(get(khach)).await.unwrap().into_inner();
    assert!(!seen.may_order && seen.layout.unwrap().plans == [1, 2]);
    assert!(admin.calls().get_junction(get(admin)).await.unwrap().into_inner().may_order);
    let mut nobody = admin.calls();
    let asked = v1::GetJunctionRequest { junction: "a".into() };
    assert_eq!(nobody.get_junction(asked).await.unwrap_err().code(), Code::Unauthenticated);
}

async fn what_safety_refuses(admin: &Person<'_>) {
    let asked = |wish: W, plan, groups: &[u32], hold_ms| v1::RequestOrderRequest {
        junction: "a".into(),
        wanted: Some(v1::SignalWanted { wish: wish.into(), plan, groups: groups.to_vec() }),
        hold_ms,
        patience_ms: 0,
        purpose: "thử nghiệm".into(),
    };
    let ask = |request| admin.ask_for(request);
    refused(ask(asked(W::Plan, 7, &[], 60_000)).await, Code::FailedPrecondition, "no plan 7");
    refused(ask(asked(W::Groups, 0, &[1, 2], 20_000)).await, Code::FailedPrecondition, "1 and 2 conflict");
    refused(
        ask(asked(W::Groups, 0, &[2], 290_000)).await,
        Code::FailedPrecondition,
        "longer than its maximum",
    );
    refused(ask(asked(W::Flash, 0, &[], 7_300_000)).await, Code::FailedPrecondition, "at most 7200 s");
    refused(ask(asked(W::Plan, 2, &[], 0)).await, Code::InvalidArgument, "every order ends by itself");
    let silent = v1::RequestOrderRequest { purpose: " ".into(), ..asked(W::Plan, 2, &[], 60_000) };
    refused(ask(silent).await, Code::InvalidArgument, "purpose");
    let nowhere = v1::RequestOrderRequest { junction: "b".into(), ..asked(W::Plan, 2, &[], 60_000) };
    refused(ask(nowhere).await, Code::NotFound, "no junction b");
}

async fn two_people(admin: &Person<'_>, lan: &Person<'_>) {
    let preview = admin.preview(W::Flash).await;
    assert!(preview.needs_second_person && preview.ends_ms > 0, "{preview:?}");
    let flash = admin.ask(W::Flash, 12).await.unwrap();
    assert_eq!(flash.state, "waiting");
    refused(admin.approve(flash.id).await, Code::PermissionDenied, "a second person must");
    assert_eq!(admin.now().await.mode(), v1::SignalMode::Normal);
    let sent = lan.approve(flash.id).await.unwrap();
    assert_eq!(sent.approved_by, "lan");
    refused(lan.approve(flash.id).await, Code::FailedPrecondition, "does not wait for approval any more");
    lan.until(flash.id, "done").await;
    lan.until_now("flash", |now| now.mode() == v1::SignalMode::Flash).await;
    let ended = lan.until(flash.id, "ended").await;
    assert_eq!(ended.detail, "expiry");
    admin.on_its_own_plan().await;

    // It may come when a green has just begun, which has its least time first: held for long enough to outlast that.
    let red = lan.ask(W::AllRed, 25).await.unwrap();
    admin.approve(red.id).await.unwrap();
    admin.until(red.id, "done").await;
    admin.until(red.id, "ended").await;
    let dark = lan.ask(W::Dark, 10).await.unwrap();
    let asked = admin.with(v1::DeclineOrderRequest { id: dark.id });
    let declined = admin.calls().decline_order(asked).await.unwrap().into_inner();
    assert_eq!((declined.state.as_str(), declined.detail.as_str()), ("declined", "by admin"));
    refused(admin.approve(dark.id).await, Code::FailedPrecondition, "does not wait");
    admin.on_its_own_plan().await;
}

/// Each order with who asked, who approved, why, and what became of it; and who was refused.
fn audit_tells(hall: &Hall) {
    let lines: Vec<Value> = hall
        .run(&["audit"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["action"].as_str().unwrap().starts_with("signal_order"))
        .collect();
    let has = |user: &str, action: &str, what: &str| {
        lines.iter().any(|line| {
            line["user"] == user && line["action"] == action && line["what"].as_str().unwrap().contains(what)
        })
    };
    assert!(has("khach", "signal_order_refused", "khach may not command"), "{lines:#?}");
    assert!(has("admin", "signal_order_refused", "no plan 7"));
    assert!(has("admin", "signal_order_asked", "wish=flash hold_s=12"));
    assert!(has("lan", "signal_order_approved", "wish=flash"));
    assert!(has("admin", "signal_order_outcome", "done mode flash"));
    assert!(has("admin", "signal_order_outcome", "ended expiry"));
    assert!(lines.iter().any(|line| line["purpose"] == "thử nghiệm"));
}
