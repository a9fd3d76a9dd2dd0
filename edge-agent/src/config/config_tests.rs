//! Shipped configurations are good; bad ones are refused with every problem, its line and its key.

use hardware_signal::{SecurityCode, SecurityCodes};
use models_domain::Class;
use models_domain::count::Direction;
use models_domain::rules::{self, make_all};
use models_domain::scene::Scene;

use super::*;

fn known() -> Known {
    crate::wiring::known()
}

#[track_caller]
fn check(text: &str, want: &str) {
    let problems = Config::parse(text, Path::new("/etc/ngatu"), &known()).unwrap_err();
    assert_eq!(problems.join("\n"), want);
}

const HEAD: &str = "[gateway]\nid = \"p\"\ndata_dir = \"d\"\n\
    [hall]\nconnect = \"h:1\"\nca = \"ca.pem\"\ncertificate = \"/x/c.pem\"\nkey = \"k\"\n";

#[test]
fn every_shipped_file_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config");
    for file in ["edge-cameras.toml", "edge-buses.toml", "edge-signals.toml", "edge-agent.example.toml"] {
        let config = Config::load(&folder.join(file), &known()).unwrap_or_else(|e| panic!("{e}"));
        assert!(config.cameras.is_some() || config.buses.is_some() || config.signals.is_some());
    }
}

/// The scene that explains every key names every kind of rule.
#[test]
fn the_scene_of_every_rule_is_good() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/scenes/every-rule.example.toml");
    let scene = Scene::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    make_all(&scene).map(|_| ()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let missing =
        rules::ALL.iter().map(|kind| kind.name).filter(|name| scene.rules.iter().all(|r| r.kind != *name));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_small_one_reads() {
    let text = format!(
        "{HEAD}[cameras]\nanalyze_fps = 4\n[cameras.pcu]\nmotorcycle = 0.4\ntruck = 2\n[[cameras.camera]]\nid = \"a\"\nurl = \"rtsp://c/x\"\nposition = [21.0, 105]\n\
         [cameras.camera.scene]\nsize = [640, 360]\nline = [{{ id = \"n\", a = [0, 180], b = [640, 180] }}]\n\
         pcu = {{ truck = 3 }}\n[buses]\nzone = \"+07:00\"\n[[buses.listen]]\nprotocol = \"gt06\"\naddress = \"0.0.0.0:5023\"\n[buses.zones]\n\"868120\" = \"+00:00\"\n"
    );
    let config = Config::parse(&text, Path::new("/etc/ngatu"), &known()).unwrap();
    assert_eq!(config.gateway.data_dir, Path::new("/etc/ngatu/d"));
    assert_eq!(config.hall.ca, Path::new("/etc/ngatu/ca.pem"));
    assert_eq!(config.hall.certificate, Path::new("/x/c.pem"));
    let camera = &config.cameras.unwrap().cameras[0];
    assert_eq!((camera.analyze_fps, camera.site.scene.lines.len()), (4.0, 1));
    assert_eq!((camera.pinned, camera.priority), (Some(Rung::Full), Priority::Counting));
    assert_eq!(camera.site.name, "a");
    let weights = [Class::Motorcycle, Class::Truck, Class::Car].map(|class| camera.site.scene.pcu.of(class));
    assert_eq!(weights, [0.4, 3.0, 1.0], "the city's, the scene's own, the house's");
    let buses = config.buses.unwrap();
    assert_eq!(buses.listen[0].zone.as_deref(), Some("+07:00"));
    assert_eq!(buses.zone_by_device["868120"], "+00:00");
    assert!(config.signals.is_none());
}

#[test]
fn how_much_a_camera_gets_is_said_per_camera() {
    let camera = |keys: &str| {
        let text = format!("{HEAD}[[cameras.camera]]\nid = \"a\"\nurl = \"rtsp://c/x\"\n{keys}\n");
        Config::parse(&text, Path::new("/etc/ngatu"), &known())
    };
    let check = |keys: &str, want: (Option<Rung>, Priority)| {
        let config = camera(keys).unwrap().cameras.unwrap();
        assert_eq!((config.cameras[0].pinned, config.cameras[0].priority), want, "{keys}");
    };
    check("", (None, Priority::Health));
    check("rung = \"auto\"\npriority = \"incident\"", (None, Priority::Incident));
    check("rung = \"full\"\npriority = \"counting\"", (Some(Rung::Full), Priority::Counting));
    check("rung = \"key_frames\"", (Some(Rung::KeyFrames), Priority::Health));
    check("rung = \"watch\"", (Some(Rung::Watch), Priority::Health));
    let lines = "[cameras.camera.scene]\nsize = [64, 64]\nline = [{ id = \"n\", a = [0, 9], b = [9, 9] }]";
    check(lines, (Some(Rung::Full), Priority::Counting));
    check(&format!("rung = \"auto\"\n{lines}"), (Some(Rung::KeyFrames), Priority::Counting));
    check(&format!("rung = \"watch\"\n{lines}"), (Some(Rung::Watch), Priority::Counting));
    let problems = camera("rung = \"half\"").unwrap_err().join("\n");
    assert_eq!(
        problems,
        "line 12: cameras.camera.rung: \"half\" is not known; known are auto, watch, key_frames, full"
    );
}

#[test]
fn stop_lines_name_a_line_of_the_scene_and_a_lamp_of_this_gateway() {
    let config = |camera: &str, lights: &str| {
        let text = format!(
            "{HEAD}[signals]\nlisten = \"127.0.0.1:1\"\n[[signals.site]]\nsite_id = \"A\"\ncomponent = \"A\"\njunction = \"a\"\nname = \"A\"\nsecurity_code = \"2222\"\n\
             group = [{{ component = \"A1\" }}, {{ component = \"A2\" }}]\n\
             [[cameras.camera]]\nid = \"c\"\nurl = \"rtsp://c/x\"\n{camera}\
             [cameras.camera.scene]\nsize = [64, 64]\nline = [{{ id = \"n\", a = [0, 9], b = [9, 9] }}]\n{lights}"
        );
        Config::parse(&text, Path::new("/etc/ngatu"), &known())
    };
    let light = |line: &str, junction: &str, group: u16| {
        format!(
            "[[cameras.camera.red_light]]\nline = \"{line}\"\ndirection = \"to_left\"\njunction = \"{junction}\"\ngroup = {group}\n"
        )
    };
    let good = config("", &light("n", "a", 2)).unwrap().cameras.unwrap();
    let spec = &good.cameras[0].red_lights[0].spec;
    assert_eq!((spec.group, spec.signal_error.0, spec.direction), (2, 200, Direction::ToLeft));
    let problems = config(
        "rung = \"auto\"\nanalyze_fps = 2\n",
        &[light("m", "a", 3), light("n", "b", 1), light("n", "a", 1)].concat(),
    );
    let problems = problems.unwrap_err();
    let want = [
        "line 26: cameras.camera.red_light: needs rung = \"full\": who is not looked at all the time has not been seen to pass",
        "line 26: cameras.camera.red_light: needs analyze_fps of at least 4, and this camera has 2",
        "line 27: cameras.camera.red_light.line: the scene has no line m; it has n",
        "line 30: cameras.camera.red_light.group: junction a has 2 signal groups",
        "line 34: cameras.camera.red_light.junction: no controller of [signals] is junction b: a stop line's lamp must be reported to this gateway",
        "line 37: cameras.camera.red_light.line: has a lamp in this direction already: one line, one lamp",
    ];
    assert_eq!(problems, want);
}

/// Whoever may dial as a site is given its codes.
#[test]
fn codes_are_sent_to_a_site_that_nobody_else_can_speak_for() {
    let problems = |listen: &str, tls: &str, keys: &str| {
        let text = format!(
            "{HEAD}[signals]\nlisten = \"{listen}:1\"\n{tls}[[signals.site]]\nsite_id = \"A\"\ncomponent = \"A\"\njunction = \"a\"\n\
             name = \"A\"\ngroup = [{{ component = \"A1\" }}]\nsecurity_code = \"3333\"\nsecurity_code_before = \"2222\"\n\
             security_code_1 = \"1111\"\nset_clock_beyond_s = 2\n{keys}"
        );
        Config::parse(&text, Path::new("/etc/ngatu"), &known()).err().unwrap_or_default()
    };
    let tls = "[signals.tls]\ncertificate = \"a\"\nkey = \"b\"\n";
    let with_ca = format!("{tls}sites_ca = \"c\"\n");
    let why = "is not for a site that anybody may speak for, who would be given its security codes: name the site's \
               address in allow_from, or ask for certificates (sites_ca in [signals.tls])";
    let told = |problems: Vec<String>| -> Vec<String> {
        problems.iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
    };
    let want = ["set_clock_beyond_s", "security_code_before"].map(|key| format!("signals.site.{key}: {why}"));
    for (listen, tls, keys) in
        [("0.0.0.0", "", ""), ("192.0.2.1", tls, ""), ("[::]", "", "allow_from = []\n")]
    {
        assert_eq!(told(problems(listen, tls, keys)), want, "{listen} {tls} {keys}");
    }
    for (listen, tls, keys) in [
        ("127.0.0.1", "", ""),
        ("[::1]", "", ""),
        ("0.0.0.0", with_ca.as_str(), ""),
        ("0.0.0.0", "", "allow_from = [\"192.0.2.101\"]\n"),
    ] {
        assert_eq!(problems(listen, tls, keys), Vec::<String>::new(), "{listen} {tls} {keys}");
    }
}

/// Orders carry the code to whoever dials: a warning, and no reason to refuse.
#[test]
fn a_code_that_anybody_may_be_sent_is_warned_of() {
    let warnings = |listen: &str, tls: &str, keys: &str| {
        let text = format!(
            "{HEAD}[signals]\nlisten = \"{listen}:1\"\n{tls}[[signals.site]]\nsite_id = \"A\"\ncomponent = \"A\"\njunction = \"a\"\n\
             name = \"A\"\n{keys}"
        );
        Config::parse(&text, Path::new("/etc/ngatu"), &known()).unwrap().signals.unwrap().warnings()
    };
    let tls = "[signals.tls]\ncertificate = \"a\"\nkey = \"b\"\n";
    let with_ca = format!("{tls}sites_ca = \"c\"\n");
    let commanded = "group = [{ component = \"A1\" }]\nsecurity_code = \"3333\"\n";
    for (listen, tls) in [("0.0.0.0", ""), ("192.0.2.1", tls)] {
        let warned = warnings(listen, tls, commanded);
        let begin = "[[signals.site]] A: security_code is sent with every order to whoever dials as this site, and anybody may";
        assert!(warned.len() == 1 && warned[0].starts_with(begin), "{warned:?}");
        assert!(!warned[0].contains("3333"), "{warned:?}");
    }
    let named = format!("{commanded}allow_from = [\"192.0.2.101\"]\n");
    for (listen, tls, keys) in [
        ("0.0.0.0", "", ""),
        ("0.0.0.0", "", named.as_str()),
        ("0.0.0.0", with_ca.as_str(), commanded),
        ("127.0.0.1", "", commanded),
    ] {
        assert_eq!(warnings(listen, tls, keys), Vec::<String>::new(), "{listen} {tls} {keys}");
    }
}

#[test]
fn security_codes_of_both_levels_and_those_they_take_the_place_of() {
    let config = |keys: &str| {
        let text = format!(
            "{HEAD}[signals]\nlisten = \"127.0.0.1:1\"\n[[signals.site]]\nsite_id = \"A\"\ncomponent = \"A\"\njunction = \"a\"\nname = \"A\"\n\
             group = [{{ component = \"A1\" }}]\n{keys}\n"
        );
        Config::parse(&text, Path::new("/etc/ngatu"), &known())
    };
    let codes = |keys: &str| config(keys).unwrap().signals.unwrap().sites.remove(0).codes;
    let two = "security_code = \"3333\"\n";
    let SecurityCodes { one, two: level_2 } = codes(two);
    assert_eq!((one, level_2), (None, Some(SecurityCode::new("3333"))));
    let all = codes(&format!("{two}security_code_before = \"2222\"\nsecurity_code_1 = \"1111\""));
    let before = Some("2222".to_owned());
    assert_eq!(all.two, Some(SecurityCode { before, ..SecurityCode::new("3333") }));
    assert_eq!(all.one, Some(SecurityCode::new("1111")));
    let clock = "security_code_1 = \"1111\"\nset_clock_beyond_s = 2.5";
    let site = config(&format!("{two}{clock}")).unwrap().signals.unwrap().sites.remove(0);
    assert_eq!(site.clock_off_max, Some(std::time::Duration::from_millis(2_500)));
    assert_eq!(
        config(&format!("{two}set_clock_beyond_s = 0.5")).unwrap_err(),
        [
            "line 11: signals.site.security_code_1: is missing: a controller's clock is set with it",
            "line 18: signals.site.set_clock_beyond_s: 0.5 is not within 1 to 3600",
        ]
    );
    let wrong = format!("{two}security_code_before = \"3333\"\nsecurity_code_1_before = \"4444\"");
    assert_eq!(
        config(&wrong).unwrap_err(),
        [
            "line 18: signals.site.security_code_before: is the same as security_code: nothing is to be changed",
            "line 19: signals.site.security_code_1_before: is for a new security_code_1, which is missing",
        ]
    );
    assert_eq!(
        config("security_code = \"\"").unwrap_err(),
        [
            "line 11: signals.site.security_code: is missing: the controller takes no command without it",
            "line 17: signals.site.security_code: is empty",
        ]
    );
}

#[test]
fn every_problem_at_once_with_its_line() {
    check(
        "[gateway]\nid = \"Pole 1\"\ndata-dir = \"d\"\n\
         [hall]\nconnect = \"h\"\nca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = 7.5\n\
         [buses]\n[[buses.listen]]\nprotocol = \"gt07\"\naddress = \"5023\"\n\
         [busses]\n\
         [signals]\nlisten = \"0.0.0.0:1\"\n",
        "line 1: gateway.data_dir: is missing\n\
         line 2: gateway.id: gateway id \"Pole 1\" is not an id: 1 to 64 of a-z, 0-9, '_' and '-'\n\
         line 3: gateway.data-dir: is not known here; known are id, data_dir, spool_max_mib, stills_max_mib, tracks_max_mib\n\
         line 5: hall.connect: \"h\" is not HOST:PORT, such as \"hall.example.org:7447\"\n\
         line 11: buses.listen.protocol: \"gt07\" is not known; known are any, gt06, jt808, teltonika, meitrack, tk103, h02, queclink, suntech, osmand, t55_nmea, wialon\n\
         line 12: buses.listen.address: invalid socket address syntax\n\
         line 13: busses: is not known here; known are gateway, hall, detector, cameras, buses, signals\n\
         line 14: signals.site, dial, hear: is missing: at least one is needed",
    );
}

#[test]
fn cameras_are_checked_with_their_scenes() {
    let kinds = rules::ALL.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    check(
        &format!(
            "{HEAD}[cameras]\n[[cameras.camera]]\nid = \"a\"\nurl = \"rtsp://c/x\"\nposition = [105.8, 21.0]\ntransport = \"http\"\n\
             [[cameras.camera]]\nid = \"a\"\nurl = \"rtsp://c/x\"\npassword_file = \"none\"\nscene = \"none.toml\"\n\
             [[cameras.camera]]\nid = \"b\"\nurl = \"rtsp://c/x\"\nanalyze_fps = 0\nscene = {{ size = [640, 360], rule = [{{ kind = \"flying\" }}] }}\n"
        ),
        &format!(
            "line 13: cameras.camera.position: 105.8, 21 is not on the earth; latitude comes first\n\
         line 14: cameras.camera.transport: \"http\" is not known; known are tcp, udp, multicast\n\
         line 16: cameras.camera.id: a is used twice\n\
         line 18: cameras.camera.password_file: reading /etc/ngatu/none: No such file or directory (os error 2)\n\
         line 19: cameras.camera.scene: reading /etc/ngatu/none.toml: No such file or directory (os error 2)\n\
         line 23: cameras.camera.analyze_fps: 0 is not within 0.1 to 60\n\
         line 24: cameras.camera.scene: rule 1: kind \"flying\" is not known; known are {kinds}"
        ),
    );
}

#[test]
fn a_password_may_stand_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "p@ss/w\n").unwrap();
    let text = format!(
        "{HEAD}[cameras]\n[[cameras.camera]]\nid = \"a\"\nurl = \"rtsp://u@c/x\"\npassword_file = \"secret\"\n"
    );
    let config = Config::parse(&text, dir.path(), &known()).unwrap();
    assert_eq!(config.cameras.unwrap().cameras[0].source.url, "rtsp://u:p%40ss%2Fw@c/x");
    let text = text.replace("u@c", "c");
    let problems = Config::parse(&text, dir.path(), &known()).unwrap_err();
    assert!(problems[0].contains("needs a user"), "{problems:?}");
}

#[test]
fn broken_toml_names_its_line() {
    let problems = Config::parse("[gateway\nid = 3\n", Path::new("."), &known()).unwrap_err();
    assert!(problems[0].starts_with("line 1: "), "{problems:?}");
}

#[test]
fn buses_come_in_many_ways() {
    let gateway = "[gateway]\nid = \"p\"\ndata_dir = \"d\"\n[hall]\nconnect = \"h:1\"\nca = \"c\"\ncertificate = \"c\"\nkey = \"k\"\n";
    let parse = |text: &str| Config::parse(&format!("{gateway}{text}"), Path::new("/etc"), &known());
    let buses = "[buses]\nconnections_max = 12000\n[[buses.feed]]\nprotocol = \"siri_vm\"\nurl = \"https://a/b?key=c\"\n\
         headers = { K = \"v\" }\n[buses.ufms_from]\nurl = \"amqp://n:p@h/%2f\"\nqueue = \"q\"\n\
         [buses.ufms_to]\nurl = \"amqps://n:p@h/%2f\"\nrouting_key = \"r\"\n[buses.ufms_to.plates]\n\"864\" = \"29B12345\"\n\
         [[buses.ufms_to.vehicle]]\nvehicle = \"29B12345\"\ndriver = \"0100\"\ncompany = \"X\"\n";
    let buses = parse(buses).unwrap().buses.unwrap();
    assert_eq!((buses.connections_max, buses.feeds[0].every.as_secs()), (12_000, 15));
    assert_eq!(buses.feeds[0].headers, [("K".to_owned(), "v".to_owned())]);
    assert_eq!(buses.feeds[0].prefix, "");
    assert_eq!(buses.ufms_from.unwrap().prefetch, 200);
    let to = buses.ufms_to.unwrap();
    assert_eq!(to.plate_by_device["864"], "29B12345");
    assert_eq!(
        (to.registrations.vehicles[0].vehicle.as_str(), to.registrations.messages().len()),
        ("29B12345", 1)
    );
    let feed = |prefix: &str| {
        let feed = "[buses]\n[[buses.feed]]\nprotocol = \"siri_vm\"\nurl = \"https://a/b\"\nprefix = ";
        parse(&format!("{feed}{prefix:?}\n"))
    };
    assert_eq!(feed("north-").unwrap().buses.unwrap().feeds[0].prefix, "north-");
    for prefix in ["", "North", "a.b", "seventeen-letters"] {
        let problems = feed(prefix).unwrap_err();
        let want = "is not 1 to 16 of a-z, 0-9, '_' and '-'";
        assert_eq!(problems, [format!("line 13: buses.feed.prefix: {prefix:?} {want}")]);
    }
    let round = "[buses]\n[buses.ufms_from]\nurl = \"amqp://h/%2f\"\nqueue = \"q\"\n[buses.ufms_to]\nurl = \"amqp://h/%2f\"\n\
                 routing_key = \"q\"\nstatements = true\n[buses.ufms_to.plates]\n\"864\" = \"29B12345\"\n";
    let problems = parse(round).unwrap_err().join("\n");
    assert_eq!(
        problems,
        "line 13: buses.ufms_to.statements: is true, and they would go back into the queue of [buses.ufms_from]: \
         name another routing_key"
    );
    let wrong = "[buses]\n[buses.ufms_to]\nurl = \"http://n:secret@h\"\nrouting_key = \"r\"\n";
    let problems = parse(wrong).unwrap_err().join("\n");
    assert_eq!(
        problems,
        "line 9: buses.listen, feed, ufms_from: is missing: at least one is needed\n\
         line 10: buses.ufms_to.plates: names no vehicle: nothing would be sent\n\
         line 11: buses.ufms_to.url: is not an address that begins with amqp:// or amqps://"
    );
}

#[test]
fn controllers_may_be_dialled() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in
        [("community", "geheim\n"), ("auth", "long enough\n"), ("privacy", "long enough too\n")]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let dial = "[signals]\n[[signals.dial]]\naddress = \"192.0.2.7:161\"\njunction = \"a\"\nname = \"A\"\nsnmp = \"v1\"\n\
         community_file = \"community\"\npoll_ms = 250\nplans = [1, 2]\nbackup_s = 15\n\
         group = [{ component = \"phase 2\" }, { component = \"phase 4\" }, { component = \"ped 4\", kind = \"pedestrian\" }]\n\
         conflict = [{ groups = [1], with = [2, 3] }]\n\
         [[signals.dial]]\naddress = \"192.0.2.8:501\"\njunction = \"b\"\nname = \"B\"\nsnmp = \"v3\"\nuser = \"hanoi\"\n\
         auth_password_file = \"auth\"\nprivacy_password_file = \"privacy\"\ngroup = [{ component = \"overlap 1\" }]\n";
    let config =
        Config::parse(&format!("{HEAD}{dial}"), dir.path(), &known()).unwrap_or_else(|e| panic!("{e:?}"));
    let signals = config.signals.unwrap();
    assert!(signals.listen.is_none() && signals.sites.is_empty());
    let [a, b] = &signals.dialled[..] else { panic!("{:?}", signals.dialled) };
    assert_eq!(format!("{:?} {:?}", a.dialled.access, a.dialled.poll), "v1 250ms");
    assert_eq!(a.dialled.groups, ["phase 2", "phase 4", "ped 4"]);
    assert_eq!(a.site.can.as_ref().unwrap().plans, [1, 2]);
    assert_eq!(format!("{:?}", b.dialled.access), "v3 hanoi Some(Sha1) private: true");
    assert!(b.site.can.is_none() && b.dialled.steering.is_none());
    let wrong = "[signals]\n[[signals.dial]]\ncontroller = \"rsmp\"\naddress = \"192.0.2.7\"\njunction = \"a\"\nname = \"A\"\n\
         community_file = \"none\"\ngroup = [{ component = \"lamp 2\" }]\n\
         [[signals.dial]]\naddress = \"h:1\"\njunction = \"a\"\nname = \"A\"\nsnmp = \"v3\"\nall_red_preempt = 3\n";
    check(
        &format!("{HEAD}{wrong}"),
        "line 11: signals.dial.controller: \"rsmp\" is not known; known are ntcip\n\
         line 12: signals.dial.address: \"192.0.2.7\" is not HOST:PORT, such as \"192.0.2.7:161\"\n\
         line 15: signals.dial.community_file: reading /etc/ngatu/none: No such file or directory (os error 2)\n\
         line 17: signals.dial.user: is missing: SNMP v3 needs a user\n\
         line 17: signals.dial.conflict: is missing: without it nothing may be ordered of a junction\n\
         line 17: signals.dial.group: is missing: which phases are the junction's signal groups?\n\
         line 19: signals.dial.junction: has a controller already",
    );
}

#[test]
fn whom_vehicles_are_told_of_is_checked() {
    let hear = "[signals]\n[[signals.hear]]\nlisten = \"127.0.0.1:6053\"\nintersection = 7\njunction = \"a\"\nname = \"A\"\n\
         groups = [\"group 1\"]\n";
    let send = "[[signals.send]]\njunction = \"a\"\nto = \"192.0.2.9:1516\"\nintersection = 7\ngroups = [\"group 1\"]\n";
    let config = Config::parse(&format!("{HEAD}{hear}{send}"), Path::new("/etc/ngatu"), &known()).unwrap();
    assert_eq!(config.signals.unwrap().sent[0].to.to_string(), "192.0.2.9:1516");
    let wrong =
        send.replace("\"a\"", "\"b\"") + &send.replace("group 1", "lane 1") + send + "map = \"none.hex\"\n";
    check(
        &format!("{HEAD}{hear}{wrong}"),
        "line 17: signals.send.junction: has no [[signals.site]], [[signals.dial]] or [[signals.hear]] here\n\
         line 21: signals.send.groups, map: \"lane 1\" must be \"group\" or \"ped\" and a signal group of the SPaT from 1 to 254, such as \"group 2\"\n\
         line 31: signals.send.map: reading /etc/ngatu/none.hex: No such file or directory (os error 2)",
    );
}
