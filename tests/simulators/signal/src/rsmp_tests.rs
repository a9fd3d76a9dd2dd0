//! Every message and every value against the published JSON schemas, where the field material is there.

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};

use super::*;
use crate::alarms::{Fault, alarm, alarm_step};
use crate::buffer::Buffer;
use crate::list;
use crate::orders::{Ordered, SECURITY_CODES};
use crate::statuses::View;
use crate::street::Controller;

const STREET: &str = include_str!("../../../../deploy/config/street-signals.toml");
const ID: &str = "8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718";

/// Lists, and the core that goes with each.
const PAIRS: [(&str, &str); 4] =
    [("1.0.15", "3.1.5"), ("1.1.0", "3.2.2"), ("1.2.1", "3.2.2"), ("1.3.0", "3.3.0")];

/// The street with another list.
fn config(sxl: &str) -> Config {
    Config { sxl: Version::parse(sxl).unwrap(), ..Config::parse(STREET).unwrap() }
}

struct Published {
    folder: PathBuf,
    schemas: Schemas,
    compiler: Compiler,
}

impl Published {
    fn open() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/field/signals/rsmp");
        if !folder.is_dir() {
            eprintln!("skipped: {} is not there", folder.display());
            return None;
        }
        Some(Self { folder, schemas: Schemas::new(), compiler: Compiler::new() })
    }

    fn schema(&mut self, path: &str) -> SchemaIndex {
        let path = self.folder.join(path).canonicalize().unwrap_or_else(|err| panic!("{path}: {err}"));
        self.compiler.compile(path.to_str().unwrap(), &mut self.schemas).unwrap()
    }

    #[track_caller]
    fn check(&mut self, path: &str, value: &Value) {
        let schema = self.schema(path);
        self.schemas.validate(value, schema).unwrap_or_else(|err| panic!("{path}: {value}\n{err}"));
    }

    fn takes(&mut self, path: &str, value: &Value) -> bool {
        let schema = self.schema(path);
        self.schemas.validate(value, schema).is_ok()
    }
}

#[test]
fn every_kind_of_message_follows_the_schemas() {
    let Some(mut published) = Published::open() else { return };
    for (sxl, core) in &PAIRS[2..] {
        every_kind_follows(&mut published, sxl, core);
    }
}

#[track_caller]
fn every_kind_follows(published: &mut Published, sxl: &str, core: &str) {
    let config = config(sxl);
    for site in &config.sites {
        let mut alarms = Fault::ALL.map(|fault| alarm(site, fault, true, 1_767_225_600_123));
        for one in &alarms {
            let path = format!("tlc/{sxl}/alarms/{}.json", one["aCId"].as_str().unwrap());
            one["rvs"].as_array().unwrap().iter().for_each(|value| published.check(&path, value));
        }
        let known = alarms.clone();
        let stepped = ["Acknowledge", "Suspend", "Resume"].map(|step| {
            let mut message = known[0].clone();
            message["aSp"] = step.into();
            alarm_step(&mut alarms, 2, &message).unwrap()
        });
        let command = json!({ "cId": site.component, "arg": [
            { "cCI": "M0002", "cO": "setPlan", "n": "status", "v": "True" },
            { "cCI": "M0002", "cO": "setPlan", "n": "timeplan", "v": "3" },
            { "cCI": "M0002", "cO": "setPlan", "n": "securityCode", "v": SECURITY_CODES[1] },
        ] });
        let asked = json!({ "cId": "bad", "sS": [{ "sCI": "S0001", "n": "stage" }] });
        let unknown = vec![(("S0025".to_owned(), "ToGConfidence".to_owned()), None)];
        let messages = [
            version(&config, site),
            watchdog(0),
            ack(ID),
            not_ack(ID, "why"),
            aggregated_status(site, 1, Whole { faulty: true, in_use: false }),
            no_component(site, "StatusResponse", 1, &asked),
            status(site, Component::Group(0), "StatusUpdate", 1, unknown),
            Ordered::default().command(site, config.sxl, 1, &command).unwrap(),
        ];
        let list = (sxl == "1.3.0").then(|| component_list(site));
        let all = messages.into_iter().chain(known).chain(stepped).chain(list);
        for (message, old) in all.zip([false, true].into_iter().cycle()) {
            published.check(&format!("core/{core}/rsmp.json"), &numbered(message, ID, old));
        }
    }
}

/// A command for a component that is not there is answered with null. The schemas want it so: a text in its place is refused.
#[test]
fn what_a_component_that_is_not_there_was_told_is_answered_with_null_and_with_nothing_else() {
    let Some(mut published) = Published::open() else { return };
    let config = Config::parse(STREET).unwrap();
    let asked =
        json!({ "cId": "bad", "arg": [{ "cCI": "M0001", "cO": "setValue", "n": "status", "v": "Dark" }] });
    let answer = Ordered::default().command(&config.sites[0], config.sxl, 1, &asked).unwrap();
    assert!(answer["rvs"][0]["v"].is_null(), "{answer}");
    for core in ["3.1.5", "3.2.2", "3.3.0"] {
        let path = format!("core/{core}/rsmp.json");
        let mut told = numbered(answer.clone(), ID, false);
        published.check(&path, &told);
        told["rvs"][0]["v"] = "Dark".into();
        assert!(!published.takes(&path, &told), "{core}: {told}");
    }
    for sxl in ["1.0.15", "1.1.0", "1.2.1", "1.3.0"] {
        published.check(&format!("tlc/{sxl}/commands/M0001.json"), &answer["rvs"][0]);
    }
}

#[test]
fn every_value_of_every_list_follows_the_schemas() {
    let Some(mut published) = Published::open() else { return };
    for (sxl, core) in PAIRS {
        let config = config(sxl);
        let controller = Controller::new(config.clone(), config.sites[0].clone(), Buffer::default());
        let mut count = 0;
        for component in [Component::Controller, Component::Group(0), Component::Detector(1)] {
            for name in list::all_statuses(config.sxl, component) {
                let span = (1_767_225_600_000, 1_767_225_660_000);
                let value = controller.value(&controller.state(), component, (&name.0, &name.1), span);
                assert!(value.is_some(), "{sxl}: {name:?} is not known");
                let path = format!("tlc/{sxl}/statuses/{}.json", name.0);
                let readable = name.0 != "S0023";
                let told = status(&config.sites[0], component, "StatusResponse", 1, vec![(name, value)]);
                // The pattern of S0023 calls a group of its own, which this reader of schemas cannot.
                if readable {
                    published.check(&path, &told["sS"][0]);
                }
                published.check(&format!("core/{core}/rsmp.json"), &numbered(told, ID, true));
                count += 1;
            }
        }
        assert!(count > 90, "{sxl}: {count}");
    }
}

/// Emergency routes and requests for priority: of a site where nobody has asked for any, the lists are empty.
#[test]
fn lists_with_something_in_them_follow_the_schemas() {
    let Some(mut published) = Published::open() else { return };
    let config = Config::parse(STREET).unwrap();
    let (site, mut ordered) = (&config.sites[0], Ordered::default());
    let argument = |(code, order, name, value): (&str, &str, &str, &str)| json!({ "cCI": code, "cO": order, "n": name, "v": value });
    let group = Component::Group(0).name(site);
    let arguments = [
        ("M0005", "setEmergency", "status", "True"),
        ("M0005", "setEmergency", "securityCode", SECURITY_CODES[1]),
        ("M0005", "setEmergency", "emergencyroute", "2"),
        ("M0022", "requestPriority", "requestId", "a"),
        ("M0022", "requestPriority", "type", "new"),
        ("M0022", "requestPriority", "signalGroupId", group.as_str()),
    ];
    let asked = json!({ "cId": site.component, "arg": arguments.map(argument) });
    ordered.command(site, config.sxl, 1, &asked).unwrap();
    for state in ["received", "activated", "stale"] {
        let view = View { config: &config, site, ordered: &ordered, at_ms: 1, faulty: false };
        for (code, name) in
            [("S0005", "statusByIntersection"), ("S0033", "status"), ("S0035", "emergencyroutes")]
        {
            let value = view.value(code, name).unwrap();
            assert_eq!(value.as_array().unwrap().len(), 1, "{code}: {value}");
            assert!(code != "S0033" || value[0]["s"] == state, "{value}");
            let values = vec![((code.to_owned(), name.to_owned()), Some(value))];
            let told = status(site, Component::Controller, "StatusResponse", 1, values);
            let told = numbered(told, ID, false);
            for (sxl, core) in &PAIRS[2..] {
                published.check(&format!("tlc/{sxl}/statuses/{code}.json"), &told["sS"][0]);
                published.check(&format!("core/{core}/rsmp.json"), &told);
            }
        }
        ordered.priorities.step(site, 1, 0);
    }
}

#[test]
fn before_3_1_3_all_values_are_texts() {
    let site = Config::parse(STREET).unwrap().sites.remove(0);
    let told = in_words(aggregated_status(&site, 1, Whole { faulty: true, in_use: true }));
    assert_eq!(told["se"], json!(["false", "false", "false", "false", "true", "true", "false", "false"]));
    let unknown = vec![(("S0025".to_owned(), "ToGConfidence".to_owned()), None)];
    let told = in_words(status(&site, Component::Group(0), "StatusUpdate", 1, unknown));
    assert_eq!(told["sS"][0], json!({ "sCI": "S0025", "n": "ToGConfidence", "s": "", "q": "unknown" }));
}

#[test]
fn the_highest_version_in_common_of_the_same_list_and_site() {
    let config = Config::parse(STREET).unwrap();
    let common = |core: &[&str], sxl: &str, site: &str| {
        let core: Vec<Value> = core.iter().map(|version| json!({ "vers": version })).collect();
        let told = json!({ "RSMP": core, "SXL": sxl, "siteId": [{ "sId": site }] });
        super::common(&config, &config.sites[0], &told).map(|version| version.to_string())
    };
    let us = "HN+AG0101";
    assert_eq!(common(&["3.1.5", "3.2", "3.3.0"], "1.2.1", us).as_deref(), Some("3.2.0"));
    assert_eq!(common(&["3.3.0"], "1.2.1", us), None);
    assert_eq!(common(&["3.2.2"], "1.1", us), None);
    assert_eq!(common(&["3.2.2"], "1.2.1", "HN+AG0102"), None);
}

/// What was asked to be cleared is answered as it was asked, with JSON's own true.
#[test]
fn alarms_are_cleared_without_a_security_code() {
    let Some(mut published) = Published::open() else { return };
    let config = config("1.3.0");
    let site = &config.sites[0];
    let arguments = json!([{ "cCI": "M0024", "cO": "clearAlarms", "n": "status", "v": true }]);
    let asked = json!({ "cId": site.component, "arg": arguments });
    let answer = Ordered::default().command(site, config.sxl, 1, &asked).unwrap();
    published.check("core/3.3.0/rsmp.json", &numbered(answer.clone(), ID, false));
    published.check("tlc/1.3.0/commands/M0024.json", &answer["rvs"][0]);
}

#[test]
fn from_core_3_3_on_the_supervisor_takes_our_list_by_its_name() {
    let config = config("1.3.0");
    let asked = version(&config, &config.sites[0]);
    assert_eq!((&asked["RSMP"], &asked["step"]), (&json!([{ "vers": "3.3.0" }]), &json!("Request")));
    assert_eq!(asked["SXLS"], json!([{ "name": "tlc", "version": "1.3.0" }]));
    assert_eq!(version(&self::config("1.2.1"), &config.sites[0]).get("SXLS"), None);
    let common = |lists: Value| {
        let told = json!({ "step": "Response", "RSMP": [{ "vers": "3.3.0" }], "supervisorId": "hanoi", "SXLS": lists });
        super::common(&config, &config.sites[0], &told).map(|version| version.to_string())
    };
    let ours = json!({ "name": "tlc", "version": "1.3.0" });
    assert_eq!(
        common(json!([{ "name": "cam", "version": "1.0", "rejected": 1 }, ours])).as_deref(),
        Some("3.3.0")
    );
    for lists in [
        json!([]),
        json!(null),
        json!([{ "name": "cam", "version": "1.3.0" }]),
        json!([{ "name": "tlc", "version": "1.2.1" }]),
        json!([{ "name": "tlc", "version": "1.3.0", "rejected": 2, "reason": "1.2.1 only" }]),
    ] {
        assert_eq!(common(lists.clone()), None, "{lists}");
    }
    let wants = |core: Version, told: Value| wants_alarms(core, &json!({ "receiveAlarms": told }));
    assert_eq!([wants(SINCE_3_3, json!(true)), wants(SINCE_3_3, json!(false))], [true, false]);
    assert!(wants(Version::new(3, 2, 2), json!(false)) && wants_alarms(SINCE_3_3, &json!({})));
}
