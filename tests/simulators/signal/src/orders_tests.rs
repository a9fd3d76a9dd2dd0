//! Commands done, refused and read back.

use super::*;
use crate::config::Config;

const NOW_MS: i64 = 1_000;

fn config() -> Config {
    Config::parse(include_str!("../../../../deploy/config/street-signals.toml")).unwrap()
}

fn site() -> Site {
    config().sites.remove(0)
}

/// `M0001 status=Dark timeout=5`, with the right code unless another is given; `@SG001` names another component.
fn request(text: &str) -> Value {
    let (text, component) = text.split_once('@').unwrap_or((text, "TC000"));
    let mut words = text.trim().split(' ');
    let code = words.next().unwrap();
    let mut pairs: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap()).collect();
    if code == "M0001" {
        pairs.push(("intersection", "0"));
    }
    if !text.contains("ecurityCode") && code != "M0022" {
        pairs.push(("securityCode", if code == "M0104" { "1111" } else { "2222" }));
    }
    let kind = match component.get(..2) {
        Some("SG") => Component::Group(0),
        Some("DL") => Component::Detector(0),
        _ => Component::Controller,
    };
    let order = list::command(Version::new(1, 2, 1), kind, code).map_or("x", |command| command.order);
    let argument = |(name, value): &(&str, &str)| json!({ "cCI": code, "cO": order, "n": name, "v": value });
    json!({ "cId": format!("HN+AG0101=001{component}"), "arg": pairs.iter().map(argument).collect::<Vec<_>>() })
}

fn order(ordered: &mut Ordered, text: &str) -> Result<String, String> {
    let answer = ordered.command(&site(), Version::new(1, 2, 1), NOW_MS, &request(text))?;
    Ok(answer["rvs"][0]["age"].as_str().unwrap().to_owned())
}

/// What statuses say after a command.
#[track_caller]
fn check(texts: &[&str], statuses: &str, want: &str) {
    let (config, site, mut ordered) = (config(), site(), Ordered::default());
    for text in texts {
        assert_eq!(order(&mut ordered, text).as_deref(), Ok("recent"), "{text}");
    }
    let view = crate::statuses::View {
        config: &config,
        site: &site,
        ordered: &ordered,
        at_ms: NOW_MS,
        faulty: false,
    };
    let told = |name: &str| {
        let (code, name) = name.split_once('.').unwrap();
        let value = view.value(code, name).unwrap_or_else(|| panic!("{code} {name}"));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    assert_eq!(statuses.split(' ').map(told).collect::<Vec<_>>().join(" "), want);
}

#[track_caller]
fn refused(text: &str, want: &str) {
    let mut ordered = Ordered::default();
    assert_eq!(order(&mut ordered, text).unwrap_err(), want, "{text}");
    assert_eq!(ordered, Ordered::default(), "{text}");
}

#[test]
fn what_is_ordered_is_read_back() {
    check(
        &["M0001 status=YellowFlash timeout=0"],
        "S0011.status S0007.status S0020.controlmode",
        "True True standby",
    );
    check(&["M0001 status=Dark timeout=5"], "S0011.status S0007.status S0007.source", "False False forced");
    check(&["M0002 status=True timeplan=3"], "S0014.status S0014.source", "3 forced");
    check(
        &["M0002 status=True timeplan=3", "M0002 status=False timeplan=3"],
        "S0014.status S0014.source",
        "1 calendar_clock",
    );
    check(&["M0003 status=True traficsituation=2"], "S0015.status S0015.source S0014.status", "2 forced 2");
    check(&["M0005 status=True emergencyroute=2"], "S0006.status S0006.emergencystage", "True 2");
    check(
        &["M0005 status=True emergencyroute=2", "M0005 status=True emergencyroute=1"],
        "S0006.emergencystage S0035.emergencyroutes",
        r#"1 [{"id":"1"},{"id":"2"}]"#,
    );
    check(&["M0006 status=True input=2"], "S0003.inputstatus S0029.status", "01000000 00000000");
    check(&["M0007 status=True"], "S0009.status S0009.source", "True forced");
    check(&["M0008 status=True mode=True @DL002"], "S0021.detectorlogics", "0100");
    check(&["M0013 status=1,3,12;5,5,10"], "S0003.inputstatus", "11001010");
    check(&["M0014 plan=2 status=1-12"], "S0023.status", "2-1-12");
    check(&["M0015 plan=1 status=99"], "S0024.status", "1-99,2-0,3-0");
    check(&["M0016 status=0-1,6-2"], "S0026.status", "0-1,1-1,2-1,3-1,4-1,5-1,6-2");
    check(&["M0017 status=12-1-12-59,2-0-23-12"], "S0027.status", "1-1-0-0,2-0-23-12,12-1-12-59");
    check(&["M0018 plan=1 status=75"], "S0028.status", "01-75,02-75,03-75");
    check(
        &["M0019 status=True input=2 inputValue=True"],
        "S0003.inputstatus S0029.status",
        "01000000 01000000",
    );
    check(
        &["M0020 status=True output=2 outputValue=True"],
        "S0004.outputstatus S0030.status",
        "01000000 01000000",
    );
    check(&["M0021 status=1-70"], "S0031.status", "1-70,2-50,3-50,4-50");
    check(&["M0023 status=10"], "S0034.status", "10");
    check(
        &["M0104 year=2020 month=9 day=29 hour=17 minute=29 second=51"],
        "S0096.year S0096.month S0096.day S0096.hour S0096.minute S0096.second",
        "2020 9 29 17 29 51",
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    refused("M0001 status=Dim timeout=5", "status must be NormalControl, YellowFlash or Dark");
    refused("M0001 status=Dark timeout=x", "timeout is out of range");
    refused("M0001 timeout=5", "status is missing");
    refused("M0001 status=Dark timeout=5 colour=red", "M0001 has no argument \"colour\"");
    refused("M0001 status=Dark timeout=5 securityCode=1", "Invalid security code");
    refused("M0001 status=Dark timeout=5 securityCode=1111", "Invalid security code");
    refused("M0002 status=True timeplan=9", "there is no plan 9");
    refused("M0003 status=True traficsituation=9", "there is no plan 9");
    refused("M0005 status=True emergencyroute=3", "there is no emergency route 3");
    refused("M0006 status=True input=0", "input is out of range");
    refused("M0006 status=True input=9", "there is no line 9");
    refused("M0006 status=on input=1", "status must be True or False");
    refused("M0008 status=True mode=True", "there is no command M0008 of this component");
    refused("M0010 status=True", "there is no command M0010 of this component");
    refused("M0013 status=8,3,0", "there is no line 9");
    refused("M0018 plan=1 status=20", "the minimum greens of plan 1 do not fit into 20 s");
    refused("M0021 status=5-1", "there is no detector 5");
    refused("M0022 requestId=a type=cancel", "there is no request \"a\"");
    refused("M0103 status=Level2 oldSecurityCode=1111 newSecurityCode=3333", "Invalid security code");
    refused("M0104 year=2020 month=2 day=30 hour=0 minute=0 second=0", "there is no such date");
    refused(
        "M0104 year=2020 month=2 day=3 hour=0 minute=0 second=0 securityCode=2222",
        "Invalid security code",
    );
    refused("M0999 status=True", "there is no command M0999 of this component");
}

#[test]
fn a_component_that_is_not_there_is_undefined_and_nothing_is_done() {
    let mut ordered = Ordered::default();
    assert_eq!(order(&mut ordered, "M0001 status=Dark timeout=0 @SG099").as_deref(), Ok("undefined"));
    assert_eq!(ordered, Ordered::default());
}

#[test]
fn another_order_of_the_same_name_is_refused() {
    let mut message = request("M0002 status=True timeplan=3");
    message["arg"][0]["cO"] = "bad".into();
    let mut ordered = Ordered::default();
    assert!(ordered.command(&site(), Version::new(1, 2, 1), 0, &message).is_err());
    assert!(ordered.command(&site(), Version::new(1, 2, 1), 0, &json!({ "cId": site().component })).is_err());
}

#[test]
fn codes_are_changed_with_the_old_one() {
    let mut ordered = Ordered::default();
    order(&mut ordered, "M0103 status=Level2 oldSecurityCode=2222 newSecurityCode=geheim").unwrap();
    assert!(order(&mut ordered, "M0002 status=True timeplan=3").is_err());
    order(&mut ordered, "M0002 status=True timeplan=3 securityCode=geheim").unwrap();
    assert_eq!(ordered.restarted().codes, ["1111", "geheim"]);
}

#[test]
fn a_mode_shows_expires_and_starts_up() {
    let site = site();
    let mut ordered = Ordered::default();
    order(&mut ordered, "M0001 status=YellowFlash timeout=1").unwrap();
    let plan = crate::plan::shown(&site, 7);
    assert_eq!(ordered.over(&site, plan.clone()).groups, "cccccc");
    ordered.tick(NOW_MS + 59_999);
    assert_eq!((ordered.mode, ordered.starting), (Mode::YellowFlash, false));
    ordered.tick(NOW_MS + 60_000);
    assert_eq!((ordered.mode, ordered.starting), (Mode::Normal, true));
    assert_eq!(ordered.over(&site, plan.clone()).groups, plan.groups);
    // What ends goes back to what was before it.
    order(&mut ordered, "M0001 status=Dark timeout=0").unwrap();
    order(&mut ordered, "M0001 status=YellowFlash timeout=1").unwrap();
    ordered.tick(NOW_MS + 60_000);
    assert_eq!((ordered.mode, ordered.starting), (Mode::Dark, false));
}

#[test]
fn started_and_stopped_groups_routes_and_priority() {
    let (site, mut ordered) = (site(), Ordered::default());
    let wanted = |ordered: &Ordered| ordered.wanted(&site).into_iter().collect::<Vec<_>>();
    assert!(ordered.is_undisturbed(&site));
    order(&mut ordered, "M0022 requestId=bus type=new signalGroupId=HN+AG0101=001SG001").unwrap();
    ordered.priorities.step(&site, NOW_MS, 1_000);
    assert_eq!(wanted(&ordered), [0]);
    order(&mut ordered, "M0010 status=True @SG003").unwrap();
    assert_eq!(wanted(&ordered), [2]);
    order(&mut ordered, "M0005 status=True emergencyroute=1").unwrap();
    assert_eq!(wanted(&ordered), [0, 1, 4]);
    order(&mut ordered, "M0005 status=False emergencyroute=1").unwrap();
    order(&mut ordered, "M0011 status=True @SG003").unwrap();
    assert_eq!((wanted(&ordered), ordered.stopped.len()), (vec![0], 1));
    order(&mut ordered, "M0012 status=1,4,2").unwrap();
    assert_eq!((wanted(&ordered), ordered.stopped.iter().copied().collect::<Vec<_>>()), (vec![2], vec![1]));
}

#[test]
fn from_list_1_3_on_a_mode_needs_no_time_out_and_no_intersection() {
    let mut message = request("M0001 status=Dark");
    message["arg"].as_array_mut().unwrap().retain(|argument| argument["n"] != "intersection");
    let (site, mut ordered) = (site(), Ordered::default());
    let older = ordered.command(&site, Version::new(1, 2, 1), NOW_MS, &message);
    assert_eq!(older.unwrap_err(), "timeout is missing");
    ordered.command(&site, list::V1_3, NOW_MS, &message).unwrap();
    assert_eq!((ordered.mode, ordered.mode_until), (Mode::Dark, None));
}

#[test]
fn from_list_1_3_on_a_detector_may_be_forced_for_a_while() {
    let (site, mut ordered) = (site(), Ordered::default());
    let order = |ordered: &mut Ordered, version: Version, text: &str| {
        ordered.command(&site, version, NOW_MS, &request(&format!("M0008 {text} @DL002"))).map(|_| ())
    };
    let long = "status=True mode=True duration=500";
    let older = order(&mut ordered, Version::new(1, 2, 1), long);
    assert_eq!(older.unwrap_err(), "M0008 has no argument \"duration\"");
    order(&mut ordered, list::V1_3, long).unwrap();
    ordered.tick(NOW_MS + 499);
    assert_eq!(ordered.detectors.get(&1).map(|forced| forced.on), Some(true));
    ordered.tick(NOW_MS + 500);
    assert_eq!(ordered.detectors.len(), 0);
    for without_end in ["status=True mode=True", "status=True mode=True duration=0"] {
        order(&mut ordered, list::V1_3, without_end).unwrap();
        ordered.tick(i64::MAX);
        assert_eq!(ordered.detectors.len(), 1, "{without_end}");
        order(&mut ordered, list::V1_3, "status=False mode=True duration=500").unwrap();
        assert_eq!(ordered.detectors.len(), 0);
    }
    let refused = order(&mut ordered, list::V1_3, "status=True mode=True duration=-1");
    assert_eq!(refused.unwrap_err(), "duration is out of range");
}

#[test]
fn from_list_1_3_on_alarms_are_cleared_with_a_bare_true() {
    let (site, mut ordered) = (site(), Ordered::default());
    let mut clear = |version: Version, value: Value| {
        let arguments = json!([{ "cCI": "M0024", "cO": "clearAlarms", "n": "status", "v": value }]);
        let asked = json!({ "cId": site.component, "arg": arguments });
        ordered.command(&site, version, NOW_MS, &asked).map(|_| ordered.clear_alarms)
    };
    let older = clear(Version::new(1, 2, 1), json!(true));
    assert_eq!(older.unwrap_err(), "there is no command M0024 of this component");
    assert_eq!(clear(list::V1_3, json!("True")).unwrap_err(), "status must be true or false, and no text");
    assert_eq!(clear(list::V1_3, json!(null)).unwrap_err(), "status is missing");
    assert_eq!(clear(list::V1_3, json!(false)), Ok(false));
    assert_eq!(clear(list::V1_3, json!(true)), Ok(true));
}

#[test]
fn a_site_that_hears_nothing_does_nothing() {
    let deaf = Site { deaf: true, ..site() };
    let mut ordered = Ordered::default();
    ordered.command(&deaf, Version::new(1, 2, 1), 0, &request("M0002 status=True timeplan=3")).unwrap();
    assert_eq!(ordered, Ordered::default());
}
