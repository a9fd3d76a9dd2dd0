//! Orders over a scripted controller, with a clock that a test moves.

mod clock;
mod rate;
mod stuck;

use std::sync::Mutex;

use async_trait::async_trait;
use hardware_ports::FakeClock;
use hardware_ports::signal::Put;
use hardware_ports::sink::NotKept;
use models_domain::event::Link;
use models_domain::signal::AlarmWish;
use models_domain::signal::order::{ControllerNow, Mode, Wanted};
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};
use models_domain::{DurationMs, EventId, Seq, UtcMillis};
use models_wire::convert::signal::order_to_wire;

use super::*;

/// Does what it is told, unless it is deaf or away.
#[derive(Default)]
struct Street {
    now: Mutex<ControllerNow>,
    deaf: Mutex<bool>,
    away: Mutex<bool>,
    /// It takes nothing new.
    refuses: Mutex<bool>,
    /// It lets go of nothing, and says this.
    keeps: Mutex<Option<Put>>,
    /// It lets go of no group, and refuses to.
    keeps_groups: Mutex<bool>,
    released: Mutex<Vec<Wanted>>,
    /// How many greens it took.
    greens: Mutex<usize>,
}

impl Street {
    fn do_it(&self, change: impl FnOnce(&mut ControllerNow)) -> Put {
        if *self.away.lock().unwrap() {
            return Put::Refused("the link to the controller is not up".into());
        }
        if !*self.deaf.lock().unwrap() {
            change(&mut self.now.lock().unwrap());
        }
        Put::Taken
    }
}

const OWN: ControllerNow = ControllerNow {
    mode: Some(Mode::Normal),
    plan: Some(1),
    plan_forced: Some(false),
    clock_ahead: None,
    cycle: None,
    cycle_length_s: None,
};

#[async_trait]
impl SignalDesk for Street {
    async fn put(&self, _: &JunctionId, wanted: &Wanted, _: DurationMs) -> Put {
        if *self.refuses.lock().unwrap() {
            return Put::Refused("not now".into());
        }
        if matches!(wanted, Wanted::Groups(_)) {
            *self.greens.lock().unwrap() += 1;
        }
        self.do_it(|now| match wanted {
            Wanted::Plan(plan) => (now.plan, now.plan_forced) = (Some(*plan), Some(true)),
            Wanted::Flash => now.mode = Some(Mode::Flash),
            Wanted::OwnPlan => *now = OWN,
            Wanted::Dark | Wanted::AllRed | Wanted::Groups(_) => {}
        })
    }

    async fn release(&self, _: &JunctionId, wanted: &Wanted) -> Put {
        self.released.lock().unwrap().push(wanted.clone());
        if let Some(says) = self.keeps.lock().unwrap().clone() {
            return says;
        }
        if matches!(wanted, Wanted::Groups(_)) && *self.keeps_groups.lock().unwrap() {
            return Put::Refused("no such group".into());
        }
        self.do_it(|now| match wanted {
            Wanted::Plan(_) | Wanted::Flash | Wanted::Dark | Wanted::AllRed => *now = OWN,
            Wanted::Groups(_) | Wanted::OwnPlan => {}
        })
    }

    async fn alarm(&self, _: &JunctionId, _: &AlarmWish) -> Put {
        Put::Silent
    }

    async fn read(&self, _: &JunctionId) -> Result<ControllerNow, String> {
        if *self.away.lock().unwrap() { Err("away".into()) } else { Ok(*self.now.lock().unwrap()) }
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl KeepEvents for Lines {
    fn keep(&self, _: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        if let EventBody::SignalOrder { told, .. } = body {
            self.0.lock().unwrap().push(format!("{} {} {}", told.number, told.step.name(), told.detail));
        }
        Ok(EventId { boot: 1, seq: Seq(1) })
    }
}

struct Pole {
    dir: tempfile::TempDir,
    street: Arc<Street>,
    lines: Arc<Lines>,
    board: Arc<Board>,
    clock: Arc<FakeClock>,
    orders: Arc<SignalOrders>,
}

fn junction() -> JunctionId {
    "kim-ma".parse().unwrap()
}

fn open(pole: &Pole) -> Arc<SignalOrders> {
    opened(pole.dir.path(), &pole.street, &pole.lines, &pole.board, pole.clock.clone())
}

fn opened(
    dir: &Path,
    street: &Arc<Street>,
    lines: &Arc<Lines>,
    board: &Arc<Board>,
    clock: Arc<dyn Clock>,
) -> Arc<SignalOrders> {
    let group = Group {
        kind: GroupKind::Vehicle,
        green_min: DurationMs(5_000),
        clearance: DurationMs(3_000),
        red_max: DurationMs(120_000),
    };
    let mut layout = Layout::new(vec![group, group], Limits::default());
    layout.set_intergreen(0, 1, DurationMs(5_000));
    let can = Orderable { layout, plans: vec![1, 2], all_red: false };
    let file = dir.join("signal-orders.json");
    let can = [(junction(), can)].into();
    let orders = SignalOrders::open(can, &file, street.clone(), lines.clone(), board.clone(), clock);
    Arc::new(orders.unwrap())
}

fn pole() -> Pole {
    let dir = tempfile::tempdir().unwrap();
    let street = Arc::new(Street { now: Mutex::new(OWN), ..Street::default() });
    let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
    let clock = Arc::new(FakeClock::at(UtcMillis(1_000_000)));
    board.update_junction(&junction(), |now| {
        now.state.link = Link::Up;
        now.seen.report(UtcMillis(900_000), "4B");
    });
    let orders = opened(dir.path(), &street, &lines, &board, clock.clone());
    Pole { dir, street, lines, board, clock, orders }
}

impl Pole {
    fn order(&self, number: u64, wanted: Wanted) -> v1::SignalOrder {
        let at = self.clock.now();
        let expires_at = at + DurationMs(60_000);
        let order = Order { number, wanted, made_at: at, expires_at, patience: DurationMs(0) };
        order_to_wire(&junction(), &order)
    }

    fn taken(&self, order: v1::SignalOrder) -> String {
        let codes = self.orders.take(order).refusals.into_iter().map(|refusal| refusal.code);
        codes.collect::<Vec<_>>().join(" ")
    }

    /// Waits for real tasks; the clock of the orders stands still meanwhile.
    async fn told(&self, want: &[&str]) {
        for _ in 0..400 {
            if self.lines.0.lock().unwrap().len() >= want.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(*self.lines.0.lock().unwrap(), want);
    }

    /// Waits for real tasks, as `told` does. They run on the thread of the test: none is seen between two of its waits.
    async fn until(&self, is: impl Fn(&Pole) -> bool) {
        for _ in 0..400 {
            if is(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not become so; told: {:?}", self.lines.0.lock().unwrap());
    }

    fn released(&self) -> Vec<Wanted> {
        self.street.released.lock().unwrap().clone()
    }

    fn run(&self) -> CancellationToken {
        let stop = CancellationToken::new();
        let (orders, stopped) = (self.orders.clone(), stop.clone());
        tokio::spawn(async move { orders.run(&stopped).await });
        stop
    }
}

const DONE: &str = "7 done mode normal, plan 2 (ordered), green 1";

#[tokio::test]
async fn granted_read_back_and_ended_when_the_hall_is_silent() {
    let pole = pole();
    let stop = pole.run();
    assert_eq!(pole.taken(pole.order(7, Wanted::Plan(2))), "");
    pole.told(&[DONE]).await;
    assert_eq!(pole.board.junction(&junction()).unwrap().order, Some(7));
    // Heard: it goes on beyond the backup time.
    pole.clock.advance(DurationMs(8_000));
    pole.orders.heard(&[7]);
    pole.clock.advance(DurationMs(8_000));
    tokio::time::sleep(LOOK * 2).await;
    pole.told(&[DONE]).await;
    pole.clock.advance(DurationMs(2_000));
    pole.told(&[DONE, "7 ending link_loss", "7 ended link_loss"]).await;
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
    assert_eq!(pole.board.junction(&junction()).unwrap().order, None);
    stop.cancel();
}

#[tokio::test]
async fn refused_for_its_reason_and_nothing_is_asked_of_the_controller() {
    let pole = pole();
    assert_eq!(pole.taken(pole.order(7, Wanted::Plan(9))), "no_such_plan");
    let old = v1::SignalOrder { made_ms: 990_000, ..pole.order(8, Wanted::Plan(2)) };
    assert_eq!(pole.taken(old), "too_old");
    let elsewhere = v1::SignalOrder { junction: "nowhere".into(), ..pole.order(8, Wanted::Plan(2)) };
    assert_eq!(pole.taken(elsewhere), "not_commanded");
    let nothing = v1::SignalOrder { wanted: None, ..pole.order(8, Wanted::Plan(2)) };
    assert_eq!(pole.taken(nothing), "not_understood");
    pole.told(&["7 refused the junction has no plan 9", "8 refused the wish is 10 s old, or has expired"])
        .await;
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
}

#[tokio::test]
async fn an_order_is_taken_once_also_after_a_restart() {
    let mut pole = pole();
    let order = pole.order(7, Wanted::Plan(2));
    assert_eq!(pole.taken(order.clone()), "");
    pole.told(&[DONE]).await;
    assert_eq!(pole.taken(order.clone()), "doubled");
    // Started anew: what was in force ends, and the old number is still known.
    pole.orders = open(&pole);
    assert_eq!(pole.taken(order), "doubled");
    let stop = pole.run();
    pole.told(&[DONE, "7 ended restart"]).await;
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
    stop.cancel();
}

#[tokio::test]
async fn a_controller_that_shows_something_else_is_told_and_brought_back() {
    let pole = pole();
    *pole.street.deaf.lock().unwrap() = true;
    assert_eq!(pole.taken(pole.order(7, Wanted::Flash)), "");
    tokio::time::sleep(Duration::from_millis(100)).await;
    pole.clock.advance(DurationMs(15_000));
    pole.told(&["7 otherwise mode normal, plan 1, green 1", "7 ending link_loss", "7 ended link_loss"]).await;
}

#[tokio::test]
async fn a_link_that_is_down_is_tried_until_the_junction_is_back() {
    let pole = pole();
    let stop = pole.run();
    assert_eq!(pole.taken(pole.order(7, Wanted::Flash)), "");
    pole.told(&["7 done mode flash, plan 1, green 1"]).await;
    *pole.street.away.lock().unwrap() = true;
    pole.clock.advance(DurationMs(10_000));
    pole.told(&["7 done mode flash, plan 1, green 1", "7 ending link_loss"]).await;
    assert_eq!(pole.board.junction(&junction()).unwrap().ending, Some(EndedBy::LinkLoss));
    *pole.street.away.lock().unwrap() = false;
    pole.told(&["7 done mode flash, plan 1, green 1", "7 ending link_loss", "7 ended link_loss"]).await;
    stop.cancel();
}

#[tokio::test]
async fn a_plan_refused_in_anothers_place_leaves_neither() {
    let pole = pole();
    assert_eq!(pole.taken(pole.order(7, Wanted::Plan(2))), "");
    pole.told(&[DONE]).await;
    *pole.street.refuses.lock().unwrap() = true;
    assert_eq!(pole.taken(pole.order(8, Wanted::Plan(1))), "");
    let over = ["7 ended order", "8 refused not now", "8 ending not_shown", "8 ended not_shown"];
    pole.told(&[&[DONE][..], &over].concat()).await;
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
}

#[tokio::test]
async fn one_order_takes_the_place_of_another() {
    let pole = pole();
    assert_eq!(pole.taken(pole.order(7, Wanted::Plan(2))), "");
    pole.told(&[DONE]).await;
    assert_eq!(pole.taken(pole.order(8, Wanted::Flash)), "");
    let flash = "8 done mode flash, plan 1, green 1";
    pole.told(&[DONE, "7 ending order", "7 ended order", flash]).await;
    assert_eq!(pole.taken(pole.order(9, Wanted::OwnPlan)), "");
    let own = "9 done mode normal, plan 1, green 1";
    pole.told(&[DONE, "7 ending order", "7 ended order", flash, "8 ending order", "8 ended order", own])
        .await;
}

#[tokio::test]
async fn an_order_that_comes_too_early_waits_for_its_moment() {
    let pole = pole();
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(998_000), "BB");
        now.seen.report(UtcMillis(999_000), "1B");
    });
    assert_eq!(pole.taken(pole.order(7, Wanted::Flash)), "minimum_green");
    let patient = v1::SignalOrder { patience_ms: 20_000, ..pole.order(8, Wanted::Flash) };
    assert_eq!(pole.taken(patient), "");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = "7 refused signal group 1 has its minimum green until 1004000";
    pole.told(&[refused]).await;
    pole.clock.advance(DurationMs(4_000));
    pole.told(&[refused, "8 done mode flash, plan 1, green 1"]).await;
}
