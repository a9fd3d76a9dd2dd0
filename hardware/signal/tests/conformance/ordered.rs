//! The rows about orders: put, read back, taken back; and what becomes of them when nobody is left.

use std::time::Duration;

use hardware_ports::signal::{Put, SignalDesk};
use models_domain::DurationMs;
use models_domain::event::Link;
use models_domain::signal::order::Wanted;

use super::Outcome::{self, NotOffered, Yes};
use super::house::{self, BACKUP_S, House, Kind, Snmp, WAIT_MAX, Wish, junction};
use super::tools;

/// Put, read back, taken back, and the own plan read.
pub async fn order(house: &House, wanted: &Wanted) -> Outcome {
    if house.kind == Kind::Spat {
        let put = house.desk.put(&junction(0), wanted, DurationMs(60_000)).await;
        assert!(matches!(put, Put::Refused(_)), "{put:?}");
        return NotOffered("nothing can be ordered".to_owned());
    }
    let junction = junction(0);
    match house.desk.put(&junction, wanted, DurationMs(60_000)).await {
        Put::Refused(why) if why.contains("offers no way") => return NotOffered(why),
        put @ (Put::Taken | Put::Refused(_) | Put::Silent) => assert_eq!(put, Put::Taken, "{wanted:?}"),
    }
    let begun = tokio::time::Instant::now();
    shows(house, wanted).await;
    let shown = begun.elapsed();
    // Longer than the unit waits for a refresh: it is refreshed.
    if house.kind != Kind::Rsmp {
        tokio::time::sleep(Duration::from_secs(BACKUP_S + 1)).await;
        shows(house, wanted).await;
    }
    assert_eq!(house.desk.release(&junction, wanted).await, Put::Taken);
    shows(house, &Wanted::OwnPlan).await;
    Yes(format!("shown after {} ms", shown.as_millis()))
}

pub async fn shows(house: &House, wanted: &Wanted) {
    let until = tokio::time::Instant::now() + WAIT_MAX;
    loop {
        let now = house.desk.read(&junction(0)).await;
        if now.as_ref().is_ok_and(|now| now.shows(wanted, &house.of(0).greens())) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < until,
            "{:?}: {wanted:?} is not shown: {now:?} {:?}",
            house.kind,
            house.of(0)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The order for the own plan ends a green, and red for everybody, that nobody remembers to take back.
pub async fn own_plan(house: &House) {
    if house.kind == Kind::Spat {
        return;
    }
    let hold = DurationMs(60_000);
    for wanted in [Wanted::Groups([1].into_iter().collect()), Wanted::AllRed] {
        assert_eq!(house.desk.put(&junction(0), &wanted, hold).await, Put::Taken, "{wanted:?}");
        shows(house, &wanted).await;
        assert_eq!(house.desk.put(&junction(0), &Wanted::OwnPlan, hold).await, Put::Taken, "{wanted:?}");
        shows(house, &Wanted::OwnPlan).await;
        house.wait("the other stage has its turn", |junction| junction.greens().contains(0)).await;
    }
}

/// A plan is ordered, and the adapter ends without a word. Another one looks what the controller does.
pub async fn ends_alone(house: House) -> Outcome {
    if house.kind == Kind::Spat {
        house.close().await;
        return NotOffered("nothing can be ordered".to_owned());
    }
    let Kind::Ntcip(snmp) = house.kind else {
        // RSMP core 3.2.2, SXL 1.2.1: M0001 has a time-out, M0002, M0006 and M0010 have none.
        house.close().await;
        return NotOffered("RSMP has a time-out for flash and dark only".to_owned());
    };
    let address = house.addresses[0].clone();
    assert_eq!(house.desk.put(&junction(0), &Wanted::Plan(2), DurationMs(60_000)).await, Put::Taken);
    shows(&house, &Wanted::Plan(2)).await;
    let street = house.close().await;
    let begun = tokio::time::Instant::now();
    let fell = tools::falls_back(snmp, &address, Duration::from_secs(BACKUP_S * 3)).await;
    assert!(fell, "still commanded {:?} after the adapter ended", begun.elapsed());
    drop(street);
    Yes(format!("within {} ms of a backup time of {BACKUP_S} s", begun.elapsed().as_millis()))
}

pub async fn wrong_secret(kind: Kind) -> Outcome {
    if kind == Kind::Spat {
        return NotOffered("a broadcast has no secret".to_owned());
    }
    let house = House::open(kind, &Wish { wrong_secret: true, ..Wish::default() }).await;
    let said = if kind == Kind::Rsmp {
        house.wait("a link", |junction| junction.is_up()).await;
        match house.desk.put(&junction(0), &Wanted::Plan(2), DurationMs(60_000)).await {
            Put::Refused(why) => why,
            put @ (Put::Taken | Put::Silent) => panic!("{put:?}"),
        }
    } else {
        let down = |junction: &house::Junction| junction.links.iter().any(|(link, _)| *link == Link::Down);
        house.wait("a link that is refused", down).await;
        house.of(0).links.last().cloned().unwrap().1
    };
    let word = match kind {
        Kind::Rsmp => "security code",
        Kind::Ntcip(Snmp::V3) => "password",
        Kind::Ntcip(Snmp::V1 | Snmp::V2c | Snmp::V2cOctets) | Kind::Spat => "community",
    };
    assert!(said.contains(word), "{said}");
    house.close().await;
    Yes(said)
}
