//! New security codes (M0103), as tables over a site that answers.

use super::house::House;
use super::message::{CommandAnswer, CommandValue};
use super::order::Command;
use super::sxl::SxlVersion;
use crate::controllers::KnownSite;
use crate::order::{Asked, Order, Value};
use crate::security::{SecurityCode, SecurityCodes, SecurityLevel};

/// Level 2 is to be changed from `before` to 3333.
fn changed(before: &str) -> impl FnOnce(&mut KnownSite) + use<> {
    let two = SecurityCode { before: Some(before.to_owned()), ..SecurityCode::new("3333") };
    |known| known.codes = SecurityCodes { one: Some(SecurityCode::new("1111")), two: Some(two) }
}

fn plan(number: u64) -> Order {
    let values = [("status", Value::Boolean(true)), ("timeplan", Value::Integer(2))];
    let values = values.map(|(name, value)| (name.to_owned(), value)).into();
    Order { number, what: Asked::Command { code: "M0002".into(), component: None, values } }
}

const CHANGED: &str =
    "warn the controller has a new security code 2; take security_code_before out of the configuration";

#[test]
fn a_code_is_changed_once_and_before_any_order() {
    let mut house = House::new("1.2.1", changed("2222"));
    house.order(plan(1));
    assert_eq!(house.run(1), ["sent M0103", CHANGED, "sent M0002", "1 Done"]);
    assert_eq!(house.unit.codes["Level2"], "3333");
    assert_eq!(house.run(120), Vec::<String>::new());
    house.dial_again();
    house.order(plan(2));
    assert_eq!(house.run(120), ["sent M0002", "2 Done"]);
}

/// The configuration still has the old one after the gateway was started anew.
#[test]
fn a_code_that_was_changed_before_is_refused_once_and_the_new_one_works() {
    let mut house = House::new("1.2.1", changed("2222"));
    house.unit.codes.insert("Level2", "3333".to_owned());
    let refused = "warn the controller refuses a new security code 2: *** is no security code of Level2; \
                   does it have the new one already, or is security_code_before of the site wrong?";
    house.order(plan(1));
    assert_eq!(house.run(1), ["sent M0103", refused, "sent M0002", "1 Done"]);
    house.dial_again();
    assert_eq!(house.run(120), Vec::<String>::new());
}

#[test]
fn an_answer_that_was_lost_is_asked_for_over_the_next_link() {
    let mut house = House::new("1.2.1", changed("2222"));
    house.unit.silent = true;
    let silent = "warn the controller has not said whether it took a new security code 2";
    assert_eq!(house.run(60), ["sent M0103", silent]);
    assert_eq!(house.run(60), Vec::<String>::new());
    house.unit.silent = false;
    house.unit.codes.insert("Level2", "2222".to_owned());
    house.dial_again();
    assert_eq!(house.run(1), ["sent M0103", CHANGED]);
}

#[test]
fn a_controller_that_acknowledges_no_new_code_is_up_again_without_it() {
    let mut house = House::new("1.2.1", changed("2222"));
    house.unit.ignores_codes = true;
    for _ in 0..2 {
        let closed = "closed the site did not acknowledge our CommandRequest (M0103) in time";
        assert_eq!(house.run(60), ["sent M0103", closed]);
        house.dial_again();
    }
    house.unit.codes.insert("Level2", "3333".to_owned());
    house.order(plan(1));
    let over = "warn over 2 links the controller has said nothing of a new security code 2 (M0103): it is not asked \
                again before this program is started anew, and is commanded with the new code; which one does it have?";
    assert_eq!(house.run(1), [over, "sent M0002", "1 Done"]);
    assert_eq!(house.run(600), Vec::<String>::new());
    house.dial_again();
    assert_eq!(house.run(600), Vec::<String>::new());
}

/// It acknowledges first, and answers long after: by then nothing else was sent that wants a code.
#[test]
fn nothing_that_wants_a_code_goes_while_a_new_one_is_unanswered() {
    let mut house = House::new("1.2.1", |known| {
        let code = |before: &str, now: &str| SecurityCode {
            before: Some(before.to_owned()),
            ..SecurityCode::new(now)
        };
        known.codes = SecurityCodes { one: Some(code("1111", "9999")), two: Some(code("2222", "3333")) };
    });
    house.unit.answers_after_ms = 5_000;
    house.order(plan(1));
    let one = CHANGED.replace("code 2", "code 1").replace("code_before", "code_1_before");
    assert_eq!(house.run(4), ["sent M0103"]);
    assert_eq!(house.run(5), [one.as_str(), "sent M0103"]);
    assert_eq!(house.run(5), [CHANGED, "sent M0002"]);
    assert_eq!(house.run(10), ["1 Done"]);
}

#[test]
fn an_answer_about_the_other_level_is_none_about_this() {
    let sxl = SxlVersion::parse("1.2.1");
    let [one, two] = SecurityLevel::ALL.map(|level| Command::new_code(level, sxl, "1111", "9999").unwrap());
    let answer = |status: &str, age: &str| {
        let value = |name: &str, value: &str| CommandValue {
            code: "M0103".into(),
            name: name.into(),
            value: value.into(),
            age: age.into(),
        };
        let values =
            vec![value("status", status), value("oldSecurityCode", ""), value("newSecurityCode", "")];
        CommandAnswer { component: "TC".into(), values }
    };
    for (status, age, want) in [
        ("Level1", "recent", (true, false)),
        ("Level2", "recent", (false, true)),
        // It knows no such command, whatever its level.
        ("", "undefined", (true, true)),
    ] {
        let answer = answer(status, age);
        let answered = (one.is_answered_by("TC", &answer), two.is_answered_by("TC", &answer));
        assert_eq!(answered, want, "{status} {age}");
    }
}

#[test]
fn both_levels_and_a_list_without_the_command() {
    let both = |known: &mut KnownSite| {
        let code = |before: &str, now: &str| SecurityCode {
            before: Some(before.to_owned()),
            ..SecurityCode::new(now)
        };
        known.codes = SecurityCodes { one: Some(code("1111", "9999")), two: Some(code("2222", "3333")) };
    };
    let mut house = House::new("1.0.15", both);
    let one = CHANGED.replace("code 2", "code 1").replace("code_before", "code_1_before");
    assert_eq!(house.run(1), ["sent M0103", one.as_str(), "sent M0103", CHANGED]);
    let mut old = House::new("1.0.7", both);
    let missing = "cannot be changed: command M0103 is not in the site's signal exchange list";
    let want = [1, 2].map(|level| format!("warn security code {level} {missing}"));
    assert_eq!(old.run(60), want);
}
