//! Every command of the traffic-light signal exchange list, 1.0.15 to 1.3.0: names, kinds and bounds of their arguments.

use super::Component::{Controller, Detector, Group};
use super::{Code, V1_1_0, V1_3_0};
use super::{bare_boolean, boolean, code, integer, one_of, security, text};
use crate::security::SecurityLevel::{One, Two};

pub const COMMANDS: &[Code] = &[
    code(
        "M0001",
        "setValue",
        Controller,
        &[
            one_of("status", &["NormalControl", "YellowFlash", "Dark"]),
            security(Two),
            integer("timeout", 0, 1_440).optional_since(V1_3_0),
            integer("intersection", 0, 255).optional_since(V1_3_0),
        ],
    ),
    code("M0002", "setPlan", Controller, &[boolean("status"), security(Two), integer("timeplan", 1, 255)]),
    code(
        "M0003",
        "setTrafficSituation",
        Controller,
        &[boolean("status"), security(Two), integer("traficsituation", 1, 255)],
    ),
    code("M0004", "setRestart", Controller, &[boolean("status"), security(Two)]),
    code(
        "M0005",
        "setEmergency",
        Controller,
        &[boolean("status"), security(Two), integer("emergencyroute", 1, 255)],
    ),
    code("M0006", "setInput", Controller, &[boolean("status"), security(Two), integer("input", 1, 255)]),
    code("M0007", "setFixedTime", Controller, &[boolean("status"), security(Two)]),
    code(
        "M0008",
        "setForceDetectorLogic",
        Detector,
        &[boolean("status"), security(Two), boolean("mode"), integer("duration", 0, i64::MAX).since(V1_3_0)],
    ),
    code("M0010", "setStart", Group, &[boolean("status"), security(Two)]),
    code("M0011", "setStop", Group, &[boolean("status"), security(Two)]),
    code("M0012", "setStart", Controller, &[text("status"), security(Two)]),
    code("M0013", "setInput", Controller, &[text("status"), security(Two)]),
    code("M0014", "setCommands", Controller, &[integer("plan", 0, 255), text("status"), security(Two)]),
    code(
        "M0015",
        "setOffset",
        Controller,
        &[integer("status", 0, 255), integer("plan", 0, 255), security(Two)],
    ),
    code("M0016", "setWeekTable", Controller, &[text("status"), security(Two)]),
    code("M0017", "setTimeTable", Controller, &[text("status"), security(Two)]),
    code(
        "M0018",
        "setCycleTime",
        Controller,
        &[integer("status", 1, 255), integer("plan", 0, 255), security(Two)],
    ),
    code(
        "M0019",
        "setInput",
        Controller,
        &[boolean("status"), security(Two), integer("input", 1, 255), boolean("inputValue")],
    ),
    code(
        "M0020",
        "setOutput",
        Controller,
        &[boolean("status"), security(Two), integer("output", 1, 255), boolean("outputValue")],
    ),
    code("M0021", "setLevel", Controller, &[text("status"), security(Two)]),
    code(
        "M0022",
        "requestPriority",
        Controller,
        &[
            text("requestId").since(V1_1_0),
            text("signalGroupId").since(V1_1_0).optional_since(V1_1_0),
            integer("inputId", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            integer("connectionId", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            integer("approachId", 0, 16).since(V1_1_0).optional_since(V1_1_0),
            integer("laneInId", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            integer("laneOutId", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            integer("priorityId", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            one_of("type", &["new", "update", "cancel"]).since(V1_1_0),
            integer("level", 0, 14).since(V1_1_0).optional_since(V1_1_0),
            integer("eta", 0, 255).since(V1_1_0).optional_since(V1_1_0),
            one_of(
                "vehicleType",
                &[
                    "pedestrian",
                    "bicycle",
                    "motorcycle",
                    "car",
                    "bus",
                    "lightTruck",
                    "heavyTruck",
                    "tram",
                    "emergency",
                    "safetyCar",
                    "specialTransport",
                    "other",
                ],
            )
            .since(V1_1_0)
            .optional_since(V1_1_0),
        ],
    ),
    code(
        "M0023",
        "setTimeout",
        Controller,
        &[integer("status", 0, 65_535).since(V1_1_0), security(Two).since(V1_1_0)],
    ),
    code("M0024", "clearAlarms", Controller, &[bare_boolean("status").since(V1_3_0)]),
    code(
        "M0103",
        "setSecurityCode",
        Controller,
        &[one_of("status", &["Level1", "Level2"]), text("oldSecurityCode"), text("newSecurityCode")],
    ),
    code(
        "M0104",
        "setDate",
        Controller,
        &[
            security(One),
            integer("year", 0, 9_999),
            integer("month", 1, 12),
            integer("day", 1, 31),
            integer("hour", 0, 23),
            integer("minute", 0, 59),
            integer("second", 0, 59),
        ],
    ),
];
