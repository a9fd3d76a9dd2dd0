//! What the hall's file may say, and what is refused of it.

use models_domain::Class;
use models_domain::geo::LatLon;

use super::*;

#[track_caller]
fn check(text: &str, want: &str) {
    let err = Config::parse(Path::new("hall.toml"), text).unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(err));
    assert!(text.starts_with(want), "{text}");
}

#[test]
fn the_shipped_file_is_good() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/control-center.toml");
    let config = Config::load(&file).unwrap();
    assert!(config.public_buses);
    // Its route turns into its corridor: from another street at the first junction, by the corridor's group at the next.
    let route = config.emergency_routes[0].passes.iter().map(|pass| (pass.junction.as_str(), pass.group));
    let corridor = config.corridors[0].places.iter().map(|place| (place.junction.as_str(), place.out));
    let (route, corridor): (Vec<_>, Vec<_>) = (route.collect(), corridor.collect());
    assert_eq!((route[0].0, route[1]), (corridor[0].0, corridor[1]));
    assert_ne!(route[0].1, corridor[0].1);
}

#[test]
fn buses_are_public_unless_it_says_otherwise() {
    let read = |more: &str| {
        let text = format!(
            "[hall]\ndata_dir = \"d\"\nlisten = \"127.0.0.1:1\"\n{more}\n[bus]\nlisten = \"127.0.0.1:2\"\n"
        );
        Config::parse(Path::new("hall.toml"), &text).unwrap().public_buses
    };
    assert!(read(""));
    assert!(!read("public_buses = false"));
}

#[test]
fn unknown_key_names_line() {
    check(
        "[hall]\ndata_dir = \"d\"\nlisten = \"x\"\n\n[bus]\nlisten = \"y\"\nlisen = 1\n",
        "parsing hall.toml: TOML parse error at line 7, column 1",
    );
}

#[test]
fn all_problems_at_once() {
    check(
        "[hall]\ndata_dir = \"\"\nlisten = \"here\"\nnames = [\"a b\"]\nsession_hours = 0\n[bus]\nlisten = \"7447\"\n",
        "hall.toml: hall.listen \"here\" is not ADDRESS:PORT, such as \"0.0.0.0:8443\"; \
         bus.listen \"7447\" is not ADDRESS:PORT, such as \"0.0.0.0:8443\"; hall.data_dir is empty; \
         hall.names: \"a b\" is neither a host name nor an address; hall.session_hours 0 is outside 1..=24",
    );
}

#[test]
fn speed_limits_by_area() {
    let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n[buses]\n";
    let fast = "speed_limit_kmh = 40\n[[buses.speed_area]]\nlimit_kmh = 80\ncorners = [[21.0, 105.8], [21.0, 105.9], [21.1, 105.9]]\n";
    let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{fast}")).unwrap();
    let kmh = |lat, lon| config.bus_limits.speed_at(LatLon::new(lat, lon), None).kmh().round();
    assert_eq!((kmh(21.01, 105.88), kmh(20.9, 105.88)), (80.0, 40.0));
    check(
        &format!(
            "{hall}speed_limit_kmh = 500\nengine_on_s = 1\n[[buses.speed_area]]\nlimit_kmh = 80\ncorners = []\n"
        ),
        "hall.toml: buses.speed_limit_kmh 500 is outside 5..=200; buses.speed_area.corners: at least three pairs of \
         latitude and longitude; buses.engine_on_s 1 is outside 30..=86400",
    );
}

#[test]
fn speed_limits_by_road_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let road = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"maxspeed":"60"},
        "geometry":{"type":"LineString","coordinates":[[105.80,21.0],[105.90,21.0]]}}]}"#;
    std::fs::write(dir.path().join("roads.geojson"), road).unwrap();
    let text = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n[buses]\n\
                speed_limit_kmh = 40\nspeed_roads = \"roads.geojson\"\n\
                [[buses.speed_area]]\nlimit_kmh = 30\ncorners = [[20.9, 105.85], [21.1, 105.85], [21.1, 105.9], [20.9, 105.9]]\n";
    let config = Config::parse(&dir.path().join("hall.toml"), text).unwrap();
    let kmh = |lat, lon| config.bus_limits.speed_at(LatLon::new(lat, lon), None).kmh().round();
    // On the road, on it within the area, and on a road that nobody has told of.
    assert_eq!((kmh(21.0, 105.82), kmh(21.0, 105.87), kmh(21.01, 105.82)), (60.0, 30.0, 40.0));
}

#[test]
fn classes_weigh_what_the_city_says() {
    let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
    let read = |more: &str| Config::parse(Path::new("hall.toml"), &format!("{hall}{more}")).unwrap().pcu;
    assert_eq!(read(""), PcuTable::default());
    let own = read("[pcu]\nmotorcycle = 0.25\ntruck = 3\n");
    assert_eq!([Class::Motorcycle, Class::Truck, Class::Car].map(|class| own.of(class)), [0.25, 3.0, 1.0]);
    check(
        &format!("{hall}[pcu]\nvan = 1\nbus = 50\n"),
        "hall.toml: pcu: bus = 50 is not within 0 and 20; a car is 1; pcu: \"van\" is not a class; known are ",
    );
}

#[test]
fn corridors_are_refused_whole() {
    let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
    let corridor = |speed: u32, places: &str| {
        format!("[[corridor]]\nid = \"a\"\nname = \"A\"\nspeed_kmh = {speed}\n{places}")
    };
    let place = |id: &str, at: u32, out: u8| {
        format!("[[corridor.junction]]\nid = \"{id}\"\nat_m = {at}\nout = {out}\nback = 2\n")
    };
    let good = corridor(36, &(place("j1", 0, 1) + &place("j2", 400, 3)));
    let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{good}")).unwrap();
    let [corridor_read] = &config.corridors[..] else { panic!("{:?}", config.corridors) };
    assert_eq!(
        (corridor_read.speed.0, corridor_read.places[1].out, corridor_read.places[1].back),
        (10.0, 2, 1)
    );
    let bad = corridor(0, &(place("j1", 5, 1) + &place("j 2", 5, 0)));
    check(
        &format!("{hall}{bad}{}", corridor(30, "")),
        "hall.toml: corridor \"a\": speed_kmh 0 is outside 5..=100; corridor \"a\": at_m must grow from junction to \
         junction, up to 100000; corridor \"a\": junction \"j 2\": ",
    );
}

#[test]
fn an_emergency_route_has_no_corridors_id() {
    let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
    let corridor = "[[corridor]]\nid = \"a\"\nname = \"Street\"\nspeed_kmh = 30\n\
                    [[corridor.junction]]\nid = \"j1\"\nat_m = 0\nout = 1\nback = 2\n\
                    [[corridor.junction]]\nid = \"j2\"\nat_m = 400\nout = 1\nback = 2\n";
    let route = "[[emergency_route]]\nid = \"a\"\nname = \"Turn\"\n\
                 [[emergency_route.junction]]\nid = \"j1\"\nat_m = 0\ngroup = 1\n\
                 [[emergency_route.junction]]\nid = \"j2\"\nat_m = 400\ngroup = 3\n";
    check(
        &format!("{hall}{corridor}{route}"),
        "hall.toml: emergency_route \"a\": it is the id of the [[corridor]] \"Street\" too; give the route \"Turn\" another",
    );
    let other = route.replacen("\"a\"", "\"turn\"", 1);
    let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{corridor}{other}")).unwrap();
    let [turn] = &config.emergency_routes[..] else { panic!("{:?}", config.emergency_routes) };
    assert_eq!((turn.id.as_str(), turn.passes[1].group), ("turn", 2));
}

#[test]
fn areas_are_refused_whole() {
    let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
    let good = "[[area]]\nid = \"ba-dinh\"\nname = \"Ba Đình\"\njunctions = [\"j1\"]\n";
    let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{good}")).unwrap();
    assert_eq!(config.areas[0].name, "Ba Đình");
    let bad =
        "[[area]]\nid = \"*\"\nname = \" \"\n[[area]]\nid = \"b\"\nname = \"B\"\ncorners = [[21.0, 105.0]]\n";
    check(
        &format!("{hall}{bad}"),
        "hall.toml: area \"*\": the id must be of a-z, 0-9 and -; area \"*\": the name is empty; people read it; \
         area \"*\": needs junctions or corners; area \"b\": corners: at least three pairs of latitude and longitude",
    );
}

#[test]
fn one_port_cannot_serve_both() {
    check(
        "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:1\"\n",
        "hall.toml: hall.listen and bus.listen are both 0.0.0.0:1; give each its own port",
    );
}

#[test]
fn a_junction_that_is_steered_is_in_no_corridor_and_no_calendar() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/control-center.toml");
    let text = std::fs::read_to_string(file).unwrap();
    // The shipped file advises at a junction of its corridor and its calendar.
    let steered = text.replacen("\n# [advice.steer]\n", "\n[advice.steer]\n", 1).replacen(
        "\n# exits = \"unknown\"\n",
        "\nexits = \"unknown\"\n",
        1,
    );
    let err = Config::parse(Path::new("hall.toml"), &steered).unwrap_err();
    let said = format!("{:#}", anyhow::Error::from(err));
    for want in [
        "[advice.steer]: the junction is in [[corridor]] \"trang-thi\"",
        "[advice.steer]: [[calendar]] \"gio-cao-diem\" orders the junction's plans",
    ] {
        assert!(said.contains(want), "{want:?} is not in {said:?}");
    }
    let elsewhere = steered
        .replace("junctions = [\"dien-bien-phu-tran-phu\", ", "junctions = [")
        .replace("[[advice]]\njunction = \"dien-bien-phu-tran-phu\"", "[[advice]]\njunction = \"ngo-quyen\"");
    Config::parse(Path::new("hall.toml"), &elsewhere).unwrap();
    // A calendar may cover it by its area.
    let covered = elsewhere
        .replace("# areas = [\"ba-dinh\"]", "areas = [\"ba-dinh\"]")
        .replace("junctions = [\"dien-bien-phu-tran-phu\"]\ncorners", "junctions = [\"ngo-quyen\"]\ncorners");
    let err = Config::parse(Path::new("hall.toml"), &covered).unwrap_err();
    assert!(format!("{:#}", anyhow::Error::from(err)).contains("[[calendar]] \"gio-cao-diem\""));
}
