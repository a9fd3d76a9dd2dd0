//! Every wrong key of a rule is named. What the rules find is tested by `tests/scenarios`.

use super::*;

#[track_caller]
fn check(rule: &str, want: &str) {
    let text = format!(
        "size = [640, 360]\n[[line]]\nid = \"n\"\na = [0, 0]\nb = [9, 9]\n\
         [[zone]]\nid = \"box\"\npolygon = [[0,0],[9,0],[9,9]]\n[[rule]]\n{rule}\n"
    );
    let scene = Scene::parse(&text).unwrap();
    let got = make_all(&scene).map(|_| "fine".to_owned()).unwrap_or_else(|problems| problems.join("; "));
    assert_eq!(got, want);
}

#[test]
fn sound_rules() {
    check("kind = \"stopped_vehicle\"", "fine");
    check("kind = \"stopped_vehicle\"\nzone = \"box\"\nfor_ms = 5000\ntolerance = 0.3", "fine");
    check("kind = \"wrong_way\"\nzone = \"box\"\ndegrees = 90", "fine");
    check("kind = \"wrong_way\"\nzone = \"box\"\ndirection = [1, 0]\nclasses = [\"car\"]", "fine");
    check("kind = \"wrong_way\"\nline = \"n\"\nallowed = \"to_right\"", "fine");
    check("kind = \"intrusion\"\nzone = \"box\"\nclasses = [\"person\"]", "fine");
}

#[test]
fn wrong_keys() {
    check(
        "kind = \"loitering\"",
        "rule 1: kind \"loitering\" is not known; known are intrusion, stopped_vehicle, wrong_way",
    );
    check(
        "kind = \"stopped_vehicle\"\nfor = 3",
        "rule 1 (stopped_vehicle): unknown field `for`, expected one of `zone`, `for_ms`, `tolerance`",
    );
    check(
        "kind = \"stopped_vehicle\"\nfor_ms = -1",
        "rule 1 (stopped_vehicle): for_ms: -1 is not within 0 and a day of milliseconds",
    );
    check(
        "kind = \"stopped_vehicle\"\nfor_ms = \"long\"",
        "rule 1 (stopped_vehicle): invalid type: string \"long\", expected i64 in `for_ms`",
    );
    check("kind = \"intrusion\"", "rule 1 (intrusion): missing field `zone`");
    check(
        "kind = \"intrusion\"\nzone = \"bux\"",
        "rule 1 (intrusion): zone: the scene has no zone \"bux\"; it has box",
    );
    check("kind = \"wrong_way\"", "rule 1 (wrong_way): needs either a zone or a line");
    check(
        "kind = \"wrong_way\"\nline = \"n\"",
        "rule 1 (wrong_way): allowed: is missing; to_right or to_left",
    );
    check(
        "kind = \"wrong_way\"\nzone = \"box\"\ndirection = [0, 0]",
        "rule 1 (wrong_way): direction: has no length",
    );
}
