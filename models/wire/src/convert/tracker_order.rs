//! Orders for trackers <-> their messages.

use models_domain::UtcMillis;
use models_domain::order::{Given, Order, Progress};
use v1::TrackerOrderProgress as Stage;

use super::BadMessage;
use super::event::id;
use crate::v1;
use crate::v1::tracker_order::Order as Wish;

pub fn given_to_wire(given: &Given) -> v1::TrackerOrder {
    let (stage, at, times, said) = match &given.progress {
        Progress::Waiting => (Stage::Waiting, 0, 0, String::new()),
        Progress::Sent { at, times } => (Stage::Sent, at.0, u32::from(*times), String::new()),
        Progress::Answered { at, text } => (Stage::Answered, at.0, 0, text.clone()),
        Progress::Expired => (Stage::Expired, 0, 0, String::new()),
        Progress::Failed { why } => (Stage::Failed, 0, 0, why.clone()),
    };
    let order = match &given.order {
        Order::Locate => Wish::Locate(v1::Locate {}),
        Order::ReportEvery { seconds } => Wish::ReportEveryS(*seconds),
        Order::Text(text) => Wish::Text(text.clone()),
    };
    v1::TrackerOrder {
        id: given.id,
        vehicle: given.vehicle.to_string(),
        order: Some(order),
        expires_ms: given.expires.0,
        progress: stage.into(),
        at_ms: at,
        times_sent: times,
        said,
    }
}

/// # Errors
/// [`BadMessage`] when there is no order.
pub fn order_from_wire(order: Option<Wish>) -> Result<Order, BadMessage> {
    Ok(match order {
        Some(Wish::Locate(v1::Locate {})) => Order::Locate,
        Some(Wish::ReportEveryS(seconds)) => Order::ReportEvery { seconds },
        Some(Wish::Text(text)) => Order::Text(text),
        None => return Err(BadMessage::new("tracker_order.order", "is missing".to_owned())),
    })
}

/// # Errors
/// [`BadMessage`] when there is no order in it, or one that this build does not know.
pub fn given_from_wire(m: v1::TrackerOrder) -> Result<Given, BadMessage> {
    let order = order_from_wire(m.order)?;
    let at = UtcMillis(m.at_ms);
    let progress = match Stage::try_from(m.progress) {
        Ok(Stage::Waiting) => Progress::Waiting,
        Ok(Stage::Sent) => Progress::Sent { at, times: u8::try_from(m.times_sent).unwrap_or(u8::MAX) },
        Ok(Stage::Answered) => Progress::Answered { at, text: m.said },
        Ok(Stage::Expired) => Progress::Expired,
        Ok(Stage::Failed) => Progress::Failed { why: m.said },
        Ok(Stage::Unspecified) | Err(_) => {
            return Err(BadMessage::new("tracker_order.progress", format!("{} is not known", m.progress)));
        }
    };
    let vehicle = id("tracker_order.vehicle", m.vehicle)?;
    Ok(Given { id: m.id, vehicle, order, expires: UtcMillis(m.expires_ms), progress })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let at = UtcMillis(5);
        let stages = [
            Progress::Waiting,
            Progress::Sent { at, times: 2 },
            Progress::Answered { at, text: "Battery:4.1V".to_owned() },
            Progress::Expired,
            Progress::Failed { why: "never answered".to_owned() },
        ];
        let orders = [Order::Locate, Order::ReportEvery { seconds: 10 }, Order::Text("STATUS#".to_owned())];
        for (n, progress) in stages.into_iter().enumerate() {
            let order = orders[n % orders.len()].clone();
            let vehicle = "864717003283581".parse().unwrap();
            let given = Given { id: u64::MAX - n as u64, vehicle, order, expires: UtcMillis(9), progress };
            assert_eq!(given_from_wire(given_to_wire(&given)).unwrap(), given);
        }
        assert!(
            given_from_wire(v1::TrackerOrder { vehicle: "a".into(), progress: 1, ..Default::default() })
                .is_err()
        );
    }
}
