//! A controller that does not let go of what was ordered: what passes it, what it keeps out, and what is taken back in the end.

use super::*;

const GREEN: &str = "7 done mode normal, plan 1, green 1";

fn group_1() -> Wanted {
    Wanted::Groups([0].into_iter().collect())
}

/// A pole whose order 7 for green is done, for as long as the other group may stand at red.
async fn green() -> Pole {
    let pole = pole();
    let short = v1::SignalOrder { expires_ms: 1_015_000, ..pole.order(7, group_1()) };
    assert_eq!(pole.taken(short), "");
    pole.told(&[GREEN]).await;
    pole
}

/// The cabinet was switched to flash: the groups are let go of, and the own plan does not show.
#[tokio::test]
async fn the_own_plan_is_ordered_though_a_green_cannot_be_ended() {
    let pole = green().await;
    pole.street.now.lock().unwrap().mode = Some(Mode::Flash);
    *pole.street.keeps.lock().unwrap() = Some(Put::Taken);
    assert_eq!(pole.taken(pole.order(8, Wanted::Plan(2))), "");
    pole.told(&[GREEN, "7 ending order"]).await;
    // It does not wait until the other has given up.
    assert_eq!(pole.taken(pole.order(9, Wanted::OwnPlan)), "");
    let kept_out = "8 refused what was ordered before could not be ended";
    pole.told(&[GREEN, "7 ending order", kept_out]).await;
    // One try, for as long as a controller may take.
    tokio::time::sleep(Duration::from_millis(100)).await;
    pole.told(&[GREEN, "7 ending order", kept_out]).await;
    pole.clock.advance(DurationMs(15_000));
    let own = "9 done mode normal, plan 1, green 1";
    pole.told(&[GREEN, "7 ending order", kept_out, own]).await;
    assert_eq!(*pole.street.released.lock().unwrap(), [group_1(), group_1()]);
    let stop = pole.run();
    pole.told(&[GREEN, "7 ending order", kept_out, own, "7 ended order"]).await;
    assert_eq!(pole.board.junction(&junction()).unwrap().order, None);
    stop.cancel();
}

/// The cabinet was switched to flash while a green was waited for.
#[tokio::test]
async fn the_own_plan_waits_for_one_try_though_the_order_before_is_still_read_back() {
    let pole = pole();
    let group_2 = Wanted::Groups([1].into_iter().collect());
    assert_eq!(pole.taken(pole.order(7, group_2.clone())), "");
    pole.until(|pole| pole.board.junction(&junction()).unwrap().order == Some(7)).await;
    pole.street.now.lock().unwrap().mode = Some(Mode::Flash);
    *pole.street.keeps.lock().unwrap() = Some(Put::Taken);
    assert_eq!(pole.taken(pole.order(8, Wanted::OwnPlan)), "");
    // The first gives way at once, the second waits for as long as a controller may take.
    pole.until(|pole| pole.released().len() == 2).await;
    let given_up = ["7 otherwise mode flash, plan 1, green 1", "7 ending order"];
    pole.told(&given_up).await;
    pole.clock.advance(DurationMs(15_000));
    pole.told(&[&given_up[..], &["8 done mode normal, plan 1, green 1"]].concat()).await;
    assert_eq!(pole.released(), [group_2.clone(), group_2]);
}

#[tokio::test]
async fn a_green_that_is_held_on_to_is_taken_back_with_the_flash_that_took_its_place() {
    let mut pole = green().await;
    *pole.street.keeps.lock().unwrap() = Some(Put::Refused("no such group".into()));
    assert_eq!(pole.taken(pole.order(8, Wanted::Flash)), "");
    let flash = "8 done mode flash, plan 1, green 1";
    pole.told(&[GREEN, "7 ending order", flash]).await;
    assert_eq!(pole.board.junction(&junction()).unwrap().order, Some(8));
    // Greens are kept out, whoever wants them.
    assert_eq!(pole.taken(pole.order(9, Wanted::Plan(2))), "");
    let kept_out = "9 refused what was ordered before could not be ended";
    pole.told(&[GREEN, "7 ending order", flash, "8 ending order", kept_out]).await;
    // Also after a restart it is known that there are two.
    pole.orders = open(&pole);
    *pole.street.keeps.lock().unwrap() = None;
    pole.street.released.lock().unwrap().clear();
    let stop = pole.run();
    let over = ["8 ending order", kept_out, "7 ended order", "8 ended order"];
    pole.told(&[&[GREEN, "7 ending order", flash][..], &over].concat()).await;
    assert_eq!(*pole.street.released.lock().unwrap(), [group_1(), Wanted::Flash]);
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
    stop.cancel();
}

/// One answer was lost, and the flash that took its place stands for long.
#[tokio::test]
async fn a_green_that_was_held_on_to_is_taken_back_while_the_flash_stands() {
    let pole = green().await;
    *pole.street.keeps.lock().unwrap() = Some(Put::Silent);
    assert_eq!(pole.taken(pole.order(8, Wanted::Flash)), "");
    let flash = "8 done mode flash, plan 1, green 1";
    pole.told(&[GREEN, "7 ending order", flash]).await;
    let stop = pole.run();
    pole.until(|pole| pole.released().len() > 1).await;
    pole.told(&[GREEN, "7 ending order", flash]).await;
    *pole.street.keeps.lock().unwrap() = None;
    pole.told(&[GREEN, "7 ending order", flash, "7 ended order"]).await;
    assert_eq!(pole.orders.books.of(&junction()).left, []);
    assert!(pole.released().iter().all(|wanted| *wanted == group_1()));
    assert_eq!(pole.street.now.lock().unwrap().mode, Some(Mode::Flash));
    assert_eq!(pole.board.junction(&junction()).unwrap().order, Some(8));
    // The flash ends as any other, and alone.
    pole.clock.advance(DurationMs(10_000));
    let over = ["7 ended order", "8 ending link_loss", "8 ended link_loss"];
    pole.told(&[&[GREEN, "7 ending order", flash][..], &over].concat()).await;
    stop.cancel();
}

/// The controller knows no such group, and the flash that took its place is over.
#[tokio::test]
async fn a_flash_that_was_taken_back_is_not_taken_back_again_for_a_green_that_is_held_on_to() {
    let pole = green().await;
    *pole.street.keeps_groups.lock().unwrap() = true;
    assert_eq!(pole.taken(pole.order(8, Wanted::Flash)), "");
    let flash = "8 done mode flash, plan 1, green 1";
    pole.told(&[GREEN, "7 ending order", flash]).await;
    pole.street.released.lock().unwrap().clear();
    pole.clock.advance(DurationMs(10_000));
    let stop = pole.run();
    let flashes = |pole: &Pole| pole.released().iter().filter(|wanted| **wanted == Wanted::Flash).count();
    pole.until(|pole| flashes(pole) == 1).await;
    // Somebody sets it to flash at the cabinet: nobody takes that from him while the green is tried.
    pole.street.now.lock().unwrap().mode = Some(Mode::Flash);
    pole.until(|pole| pole.released().len() > 3).await;
    assert_eq!(pole.released(), [group_1(), Wanted::Flash, group_1(), group_1()]);
    // All is let go of, and the own plan does not show: then nothing is known, and all is tried again.
    *pole.street.keeps_groups.lock().unwrap() = false;
    pole.until(|pole| pole.released().len() > 4).await;
    assert_eq!(flashes(&pole), 1);
    pole.clock.advance(DurationMs(15_000));
    let over = ["8 ending link_loss", "7 ended order", "8 ended link_loss"];
    pole.told(&[&[GREEN, "7 ending order", flash][..], &over].concat()).await;
    assert_eq!(flashes(&pole), 2);
    stop.cancel();
}

#[tokio::test]
async fn a_minimum_green_holds_though_what_was_ordered_before_cannot_be_ended() {
    let pole = green().await;
    *pole.street.keeps.lock().unwrap() = Some(Put::Refused("no such group".into()));
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(998_000), "BB");
        now.seen.report(UtcMillis(999_000), "1B");
    });
    let patient = v1::SignalOrder { patience_ms: 20_000, ..pole.order(8, Wanted::Flash) };
    assert_eq!(pole.taken(patient), "");
    tokio::time::sleep(Duration::from_millis(300)).await;
    pole.told(&[GREEN]).await;
    pole.clock.advance(DurationMs(4_000));
    pole.told(&[GREEN, "7 ending order", "8 done mode flash, plan 1, green 1"]).await;
}
