//! Orders for trackers, given on the command line or on the page: kept with who gave them and why before anything is sent.

use control_center_store::{AuditLine, Store, StoreError, TrackerOrderRow};
use models_domain::order::{Given, Order, Progress};
use models_domain::{DurationMs, GatewayId, UtcMillis, VehicleId};

/// What somebody wants of a tracker.
pub struct Wish {
    pub vehicle: VehicleId,
    pub order: Order,
    /// `None`: the gateway that the vehicle was last heard by.
    pub gateway: Option<GatewayId>,
    /// It is not sent any more after so many hours.
    pub hours: u32,
    pub user: String,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GiveError {
    #[error("{0}")]
    Bad(String),
    #[error("{0} was never heard; check its name, or on the hall's command line say --gateway")]
    NeverHeard(VehicleId),
    #[error("asking the system for random bytes: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Store(StoreError),
}

const TEXT_MAX: usize = 500;
const SECONDS_MAX: u32 = 86_400;
pub const HOURS: u32 = 24;
/// Who gives orders there may read the hall's files. No user can be named so.
pub const COMMAND_LINE: &str = "the command line";
const HOURS_MAX: u32 = 720;

/// Keeps an order; a task brings it to its gateway.
///
/// # Errors
/// [`GiveError`]; then there is no order.
pub async fn give(store: &Store, wish: Wish, now: UtcMillis) -> Result<TrackerOrderRow, GiveError> {
    check(&wish)?;
    let gateway = match wish.gateway {
        Some(gateway) => gateway,
        None => match store.gateway_of_vehicle(&wish.vehicle).await.map_err(GiveError::Store)? {
            Some(gateway) => gateway,
            None => return Err(GiveError::NeverHeard(wish.vehicle)),
        },
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(GiveError::Random)?;
    // 63 bits, as the database has them.
    let id = u64::from_le_bytes(random) >> 1;
    let line = AuditLine {
        at: now,
        user: wish.user.clone(),
        action: "give_tracker_order".to_owned(),
        purpose: wish.why,
        what: format!("order {id} for {} at {gateway}: {}", wish.vehicle, words(&wish.order)),
    };
    let expires = now + DurationMs(i64::from(wish.hours) * 3_600_000);
    let given = Given { id, vehicle: wish.vehicle, order: wish.order, expires, progress: Progress::Waiting };
    let (user, taken, withdrawn) = (wish.user, false, false);
    let row = TrackerOrderRow { gateway, given_at: now, given, taken, user, withdrawn };
    store.give_tracker_order(&row, &line).await.map_err(GiveError::Store)?;
    Ok(row)
}

fn check(wish: &Wish) -> Result<(), GiveError> {
    let bad = |why: String| Err(GiveError::Bad(why));
    if !(1..=HOURS_MAX).contains(&wish.hours) {
        return bad(format!("an order lives 1 to {HOURS_MAX} hours, not {}", wish.hours));
    }
    match &wish.order {
        Order::Locate => Ok(()),
        Order::ReportEvery { seconds } if (1..=SECONDS_MAX).contains(seconds) => Ok(()),
        Order::ReportEvery { seconds } => {
            bad(format!("a tracker reports every 1 to {SECONDS_MAX} s, not {seconds}"))
        }
        Order::Text(text) => {
            let fits = (1..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
            if fits { Ok(()) } else { bad(format!("a text has 1 to {TEXT_MAX} characters on one line")) }
        }
    }
}

/// For the log and for people.
pub fn words(order: &Order) -> String {
    match order {
        Order::Locate => "report the position now".to_owned(),
        Order::ReportEvery { seconds } => format!("report every {seconds} s"),
        Order::Text(text) => text.clone(),
    }
}
