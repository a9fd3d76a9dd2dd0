//! How often something may be ordered: what is ordered by machine keeps nobody from flash.

use models_domain::signal::order::ORDERS_MAX;

use super::*;

impl Pole {
    /// Green for group 1, for as long as the other may stand at red.
    fn green(&self, number: u64) -> v1::SignalOrder {
        let group_1 = Wanted::Groups([0].into_iter().collect());
        v1::SignalOrder { expires_ms: 1_015_000, ..self.order(number, group_1) }
    }

    fn greens(&self) -> usize {
        *self.street.greens.lock().unwrap()
    }

    async fn told_all(&self, told: &[String]) {
        self.told(&told.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
}

/// As for a wrong security code, and whoever wants the green tries it again and again.
#[tokio::test]
async fn greens_that_a_controller_refuses_keep_nobody_from_flash() {
    let pole = pole();
    *pole.street.refuses.lock().unwrap() = true;
    let mut told = Vec::new();
    for number in 7..13 {
        assert_eq!(pole.taken(pole.green(number)), "");
        told.push(format!("{number} refused not now"));
        pole.told_all(&told).await;
    }
    assert_eq!(pole.taken(pole.green(13)), "too_many_changes");
    told.push("13 refused 6 changes within the last 60 s are enough".to_owned());
    *pole.street.refuses.lock().unwrap() = false;
    for number in 14..17 {
        assert_eq!(pole.taken(pole.order(number, Wanted::Flash)), "");
        if number > 14 {
            told.extend([format!("{} ending order", number - 1), format!("{} ended order", number - 1)]);
        }
        told.push(format!("{number} done mode flash, plan 1, green 1"));
        pole.told_all(&told).await;
    }
    // Nor is a junction switched to flash and back again and again.
    assert_eq!(pole.taken(pole.order(17, Wanted::Flash)), "too_many_changes");
    assert_eq!(pole.taken(pole.order(18, Wanted::OwnPlan)), "");
}

/// A fire engine stands before the line, and its green is ordered for longer again and again.
#[tokio::test]
async fn a_green_that_goes_on_leaves_people_their_orders() {
    let pole = pole();
    let mut told = Vec::new();
    for number in 7..17 {
        assert_eq!(pole.taken(pole.green(number)), "");
        if number > 7 {
            told.push(format!("{} ended order", number - 1));
        }
        told.push(format!("{number} done mode normal, plan 1, green 1"));
        pole.told_all(&told).await;
    }
    assert_eq!(pole.orders.books.of(&junction()).taken.len(), 1, "as it began");
    for number in 17..22 {
        assert_eq!(pole.taken(pole.order(number, Wanted::Plan(2))), "");
    }
    assert_eq!(pole.taken(pole.order(22, Wanted::Plan(2))), "too_many_changes");
}

/// The controller still serves another phase when the next one comes, which takes the place of what never began to show.
#[tokio::test]
async fn a_green_that_is_never_shown_is_ordered_no_more_often_than_others() {
    let pole = pole();
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(950_000), "BB");
    });
    let mut answers = Vec::new();
    for number in 7..17 {
        let before = pole.greens();
        let answer = pole.taken(pole.green(number));
        if answer.is_empty() {
            pole.until(|pole| pole.greens() > before).await;
        }
        answers.push(answer);
    }
    assert_eq!(pole.greens(), ORDERS_MAX, "{answers:?}");
    assert!(answers[ORDERS_MAX..].iter().all(|answer| answer == "too_many_changes"), "{answers:?}");
}

/// It was let pass as going on with what stood then.
#[tokio::test]
async fn a_green_that_waited_until_the_one_before_was_over_is_held_to_the_rate() {
    let pole = pole();
    pole.orders.books.note(&junction(), |book| {
        book.taken.extend([UtcMillis(999_000); ORDERS_MAX - 1]);
    });
    let short = v1::SignalOrder { expires_ms: 1_005_000, ..pole.green(7) };
    assert_eq!(pole.taken(short), "");
    let done = "7 done mode normal, plan 1, green 1";
    pole.told(&[done]).await;
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(1_000_000), "4N");
    });
    let patient = v1::SignalOrder { patience_ms: 20_000, ..pole.green(8) };
    assert_eq!(pole.taken(patient), "");
    tokio::time::sleep(LOOK).await;
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(1_004_000), "4B");
    });
    pole.clock.advance(DurationMs(5_000));
    let refused = "8 refused 6 changes within the last 60 s are enough";
    pole.told(&[done, "7 ending expiry", "7 ended expiry", refused]).await;
    assert_eq!(pole.greens(), 1);
}

/// A bound of red stands for longer than a pole waits, and says at once that it does.
#[tokio::test]
async fn what_does_not_change_while_it_waits_is_refused_at_once() {
    let pole = pole();
    let patient = v1::SignalOrder { patience_ms: 20_000, expires_ms: 1_030_000, ..pole.green(7) };
    assert_eq!(pole.taken(patient), "maximum_red");
    pole.told(&["7 refused signal group 2 would wait at red for longer than its maximum, until 1020000"])
        .await;
}

/// Group 2 was red for 100 s of its 120 when the link was lost.
#[tokio::test]
async fn a_lost_link_lets_nobody_stand_at_red_for_longer() {
    let pole = pole();
    pole.board.update_junction(&junction(), |now| {
        now.seen.lose();
        now.seen.report(UtcMillis(999_000), "4B");
    });
    let long = v1::SignalOrder { expires_ms: 1_030_000, ..pole.green(7) };
    assert_eq!(pole.taken(long), "maximum_red");
    assert_eq!(pole.taken(pole.green(8)), "");
}
