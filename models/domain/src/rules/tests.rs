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
    let known = ALL.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    check("kind = \"litter\"", &format!("rule 1: kind \"litter\" is not known; known are {known}"));
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
    check(
        "kind = \"wrong_way\"\nzone = \"box\"\ndegrees = 90\nclasses = []",
        "rule 1 (wrong_way): classes: the list is empty, the rule would never fire; leave it out or name one",
    );
}

/// Each kind says its name, and its text for people names every key that it knows; they are listed by name.
#[test]
fn every_key_is_told() {
    assert!(ALL.is_sorted_by_key(|kind| kind.name));
    let scene = Scene::parse("size = [640, 360]\n").unwrap();
    for kind in ALL {
        let odd = toml::Table::from_iter([("odd".to_owned(), toml::Value::Boolean(true))]);
        let refused = (kind.make)(&scene, odd).map(|_| ()).unwrap_err();
        let keys =
            refused.split("expected one of ").nth(1).unwrap_or_else(|| panic!("{}: {refused}", kind.name));
        for key in keys.split('`').skip(1).step_by(2) {
            let told =
                kind.about.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == key);
            assert!(told, "{}: its text does not name the key {key}", kind.name);
        }
    }
}

#[test]
fn wrong_keys_of_zones_and_times() {
    let zone = "\nzone = \"box\"";
    check(&format!("kind = \"zone_occupancy\"{zone}\nblocked_pcu = 3"), "fine");
    check(
        &format!("kind = \"zone_occupancy\"{zone}\nblocked_pcu = 0"),
        "rule 1 (zone_occupancy): blocked_pcu: 0 is not within 0.1 and 10000",
    );
    check(
        "kind = \"pedestrian_on_carriageway\"\nzone = \"box\"\nexcept = [\"zebra\"]",
        "rule 1 (pedestrian_on_carriageway): except: zone: the scene has no zone \"zebra\"; it has box",
    );
    check(
        &format!("kind = \"loitering\"{zone}\nclasses = []"),
        "rule 1 (loitering): classes: the list is empty, the rule would never fire; leave it out or name one",
    );
    check(&format!("kind = \"loitering\"{zone}\naway_ms = 2500"), "fine");
    check(
        &format!("kind = \"loitering\"{zone}\naway_ms = 0"),
        "rule 1 (loitering): away_ms: 0 is less than 2500: who is looked at in key frames would be gone each time",
    );
    check(
        &format!("kind = \"illegal_parking\"{zone}\nhidden_ms = 1000"),
        "rule 1 (illegal_parking): hidden_ms: 1000 is less than 2500: who is looked at in key frames would be gone each time",
    );
    check("kind = \"turning_movement\"\ngates = [\"n\", \"box\"]", "fine");
    check(
        "kind = \"turning_movement\"\ngates = [\"n\"]",
        "rule 1 (turning_movement): gates: two or more are needed, one for each arm of the junction",
    );
    check(
        "kind = \"turning_movement\"\ngates = [\"n\", \"west\"]",
        "rule 1 (turning_movement): gates: the scene has neither line nor zone \"west\"",
    );
    check(
        &format!("kind = \"abandoned_object\"{zone}"),
        "rule 1 (abandoned_object): zone: is too small a part of the picture to see an object in",
    );
}

#[test]
fn wrong_keys_of_measures() {
    let zone = "\nzone = \"box\"";
    check(&format!("kind = \"queue\"{zone}\nstop_line = \"n\""), "fine");
    check(
        &format!("kind = \"queue\"{zone}\nstop_line = \"s\""),
        "rule 1 (queue): stop_line: the scene has no line \"s\"; it has n",
    );
    check(
        &format!("kind = \"queue\"{zone}\nvehicles = 0"),
        "rule 1 (queue): vehicles: 0 is not within 1 and 1000",
    );
    check(
        "kind = \"speed\"\nlimit_kmh = 50",
        "rule 1 (speed): needs to know the ground: add four or more [[ground]] points to the scene, \
         picture = [x, y] with meters = [x, y]",
    );
    let service = format!("kind = \"level_of_service\"{zone}\nlength_m = 60");
    check(&service, "fine");
    check(
        &format!("{service}\nfree_flow_kmh = 50"),
        "rule 1 (level_of_service): free_flow_kmh: needs [[ground]] points in the scene; add them or leave it out",
    );
    check(
        &format!("{service}\ndensity = [7, 11, 16, 22, 12]"),
        "rule 1 (level_of_service): density: five numbers above 0 that grow, the most of A to E",
    );
    check(
        &format!("{service}\ntell_from = \"g\""),
        "rule 1 (level_of_service): tell_from: \"g\" is none of a to f",
    );
    check(
        &format!("{service}\ntell_from = \"A\""),
        "rule 1 (level_of_service): tell_from: \"a\" is every level, it would never be over; b to f",
    );
    check(&format!("kind = \"crowd\"{zone}"), "rule 1 (crowd): needs persons or density_per_m2");
    check(
        &format!("kind = \"crowd\"{zone}\ndensity_per_m2 = 2"),
        "rule 1 (crowd): density_per_m2: needs area_m2, or [[ground]] points that the zone lies among",
    );
    check(&format!("kind = \"crowd\"{zone}\ndensity_per_m2 = 2\narea_m2 = 40"), "fine");
}
