//! Every status of the traffic-light signal exchange list, 1.0.15 to 1.3.0: names, kinds and bounds of their values.

use super::Component::{Controller, Detector};
use super::{Argument, Code, V1_0_15, V1_1_0, V1_2_1, V1_3_0};
use super::{array, boolean, booleans, code, each, integer, integers, one_of, text, time};

/// Who decided, in S0007 to S0015 and S0032.
const SOURCES: &[&str] = &["operator_panel", "calendar_clock", "control_block", "forced", "startup", "other"];

/// Which intersections are starting, in S0005.
const INTERSECTION: &[Argument] = &[integer("intersection", 0, 255), boolean("startup")];

/// A request for priority, in S0033: its id, since when it is in its state, that state, and what it gave, in seconds: green that was
/// longer, red that was shorter.
const PRIORITY: &[Argument] = &[
    text("r"),
    time("t"),
    one_of(
        "s",
        &["received", "queued", "activated", "completed", "timeout", "rejected", "cooldown", "stale"],
    ),
    integer("e", 0, 255).optional_since(V1_1_0),
    integer("d", 0, 255).optional_since(V1_1_0),
];

/// An emergency route that is on, in S0035.
const ROUTE: &[Argument] = &[integer("id", 1, 255)];

pub const STATUSES: &[Code] = &[
    code(
        "S0001",
        "",
        Controller,
        &[
            text("signalgroupstatus"),
            integer("cyclecounter", 0, 999),
            integer("basecyclecounter", 0, 999),
            integer("stage", 0, 999),
            integer("millisecond", 0, 999_999).since(V1_3_0),
        ],
    ),
    code("S0002", "", Controller, &[text("detectorlogicstatus")]),
    code("S0003", "", Controller, &[text("inputstatus"), text("extendedinputstatus").until(V1_1_0)]),
    code("S0004", "", Controller, &[text("outputstatus"), text("extendedoutputstatus").until(V1_1_0)]),
    code(
        "S0005",
        "",
        Controller,
        &[boolean("status"), array("statusByIntersection", INTERSECTION).since(V1_2_1)],
    ),
    code("S0006", "", Controller, &[boolean("status"), integer("emergencystage", 0, 255)]),
    code(
        "S0007",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code(
        "S0008",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code(
        "S0009",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code(
        "S0010",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code(
        "S0011",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code(
        "S0012",
        "",
        Controller,
        &[integers("intersection", 0, 255), booleans("status"), each("source", SOURCES).since(V1_1_0)],
    ),
    code("S0013", "", Controller, &[integers("intersection", 0, 255), integers("status", 0, 3)]),
    code("S0014", "", Controller, &[integer("status", 1, 255), each("source", SOURCES).since(V1_1_0)]),
    code("S0015", "", Controller, &[integer("status", 1, 255), each("source", SOURCES).since(V1_1_0)]),
    code("S0016", "", Controller, &[integer("number", 1, 65_025)]),
    code("S0017", "", Controller, &[integer("number", 1, 65_025)]),
    code("S0018", "", Controller, &[integer("number", 1, 65_025).until(V1_1_0)]),
    code("S0019", "", Controller, &[integer("number", 1, 65_025)]),
    code(
        "S0020",
        "",
        Controller,
        &[
            integers("intersection", 0, 255),
            each("controlmode", &["startup", "control", "standby", "failure", "test"]),
        ],
    ),
    code("S0021", "", Controller, &[text("detectorlogics")]),
    code("S0022", "", Controller, &[integers("status", i64::MIN, i64::MAX)]),
    code("S0023", "", Controller, &[text("status")]),
    code("S0024", "", Controller, &[text("status")]),
    code(
        "S0025",
        "",
        Controller,
        &[
            time("minToGEstimate"),
            time("maxToGEstimate"),
            time("likelyToGEstimate"),
            integer("ToGConfidence", 0, 100),
            time("minToREstimate"),
            time("maxToREstimate"),
            time("likelyToREstimate"),
            integer("ToRConfidence", 0, 100),
        ],
    ),
    code("S0026", "", Controller, &[text("status")]),
    code("S0027", "", Controller, &[text("status")]),
    code("S0028", "", Controller, &[text("status")]),
    code("S0029", "", Controller, &[text("status")]),
    code("S0030", "", Controller, &[text("status")]),
    code("S0031", "", Controller, &[text("status")]),
    code(
        "S0032",
        "",
        Controller,
        &[
            integers("intersection", 0, 255).since(V1_1_0),
            each("status", &["local", "centralized", "off"]).since(V1_1_0),
            each("source", SOURCES).since(V1_1_0),
        ],
    ),
    code("S0033", "", Controller, &[array("status", PRIORITY).since(V1_1_0)]),
    code("S0034", "", Controller, &[integer("status", 0, 65_535).since(V1_1_0)]),
    code("S0035", "", Controller, &[array("emergencyroutes", ROUTE).since(V1_2_1)]),
    code(
        "S0091",
        "",
        Controller,
        &[integer("user", 0, 2), one_of("status", &["login", "logout"]).until(V1_0_15)],
    ),
    code(
        "S0092",
        "",
        Controller,
        &[integer("user", 0, 2), one_of("status", &["login", "logout"]).until(V1_0_15)],
    ),
    code("S0095", "", Controller, &[text("status")]),
    code(
        "S0096",
        "",
        Controller,
        &[
            integer("year", 0, 9_999),
            integer("month", 1, 12),
            integer("day", 1, 31),
            integer("hour", 0, 23),
            integer("minute", 0, 59),
            integer("second", 0, 59),
        ],
    ),
    code("S0097", "", Controller, &[text("checksum"), time("timestamp")]),
    code("S0098", "", Controller, &[text("config"), time("timestamp"), text("version")]),
    code("S0201", "", Detector, &[time("starttime"), integer("vehicles", 0, 65_535)]),
    code("S0202", "", Detector, &[time("starttime"), integer("speed", 0, 65_535)]),
    code("S0203", "", Detector, &[time("starttime"), integer("occupancy", 0, 100)]),
    code(
        "S0204",
        "",
        Detector,
        &[
            time("starttime"),
            integer("P", 0, 65_535),
            integer("PS", 0, 65_535),
            integer("L", 0, 65_535),
            integer("LS", 0, 65_535),
            integer("B", 0, 65_535),
            integer("SP", 0, 65_535),
            integer("MC", 0, 65_535),
            integer("C", 0, 65_535),
            integer("F", 0, 65_535),
        ],
    ),
    code("S0205", "", Controller, &[time("start"), integers("vehicles", -1, 65_535)]),
    code("S0206", "", Controller, &[time("start"), integers("speed", -1, 65_535)]),
    code("S0207", "", Controller, &[time("start"), integers("occupancy", -1, 100)]),
    code(
        "S0208",
        "",
        Controller,
        &[
            time("start"),
            integers("P", -1, 65_535),
            integers("PS", -1, 65_535),
            integers("L", -1, 65_535),
            integers("LS", -1, 65_535),
            integers("B", -1, 65_535),
            integers("SP", -1, 65_535),
            integers("MC", -1, 65_535),
            integers("C", -1, 65_535),
            integers("F", -1, 65_535),
        ],
    ),
];
