//! Messages made for this project.

use super::super::testing::{lines_with_warnings as lines, survives, told};
use super::super::{Session, named};
use super::*;

fn point(datetime: i32) -> BusWayPoint {
    BusWayPoint {
        vehicle: "29B-123.45".to_owned(),
        speed: 36.0,
        datetime,
        x: 105.852,
        y: 21.028,
        heading: Some(90.0),
        door_up: Some(false),
        ..BusWayPoint::default()
    }
}

#[track_caller]
fn check(message: &BaseMessage, want: &[&str]) {
    let bytes = message.write();
    assert_eq!(lines(&PROTOCOL, &mut Session::default(), &bytes), want);
    survives(&PROTOCOL, &bytes);
}

#[test]
fn positions() {
    let fix = "29B-123.45 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";
    let one =
        BaseMessage { msg_type: 102, bus_way_point: Some(point(1_747_231_958)), ..BaseMessage::default() };
    check(&one, &["BusWayPoint", fix]);
    let list = BusWayPoints { events: vec![point(1_747_231_958), point(1_747_231_968)] };
    let list = BaseMessage { msg_type: 104, bus_way_points: Some(list), ..BaseMessage::default() };
    check(&list, &["BusWayPoints", fix, &fix.replace("958000", "968000")]);
}

#[test]
fn what_has_no_position_gives_none() {
    let company = RegCompany { company: "0100112437".to_owned(), ..RegCompany::default() };
    check(
        &BaseMessage { msg_type: 420, reg_company: Some(company), ..BaseMessage::default() },
        &["RegCompany"],
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    let bad = |msg_type| BaseMessage { msg_type, ..BaseMessage::default() };
    check(&bad(7), &["bad: message type 7 is not known"]);
    check(&bad(102), &["bad: BusWayPoint is named but not there"]);
    let got = lines(&PROTOCOL, &mut Session::default(), &bad(103).write());
    assert!(
        got[0].starts_with("bad: BusWayPointBatch: the number of its list of points is not known"),
        "{got:?}"
    );
    let off = BusWayPoint { x: 200.0, ..point(1) };
    let off = BaseMessage { msg_type: 102, bus_way_point: Some(off), ..BaseMessage::default() };
    check(&off, &["bad: 29B-123.45: position 21.028, 200 is not on the earth"]);
}

#[test]
fn bad_points_are_left_out_of_a_list() {
    let list = |events| {
        let bus_way_points = Some(BusWayPoints { events });
        BaseMessage { msg_type: 104, bus_way_points, ..BaseMessage::default() }
    };
    let off = BusWayPoint { x: 200.0, ..point(1) };
    let fix = "29B-123.45 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";
    let why = "29B-123.45: position 21.028, 200 is not on the earth";
    let warning = format!("warning: 2 of 3 positions left out, the first because: {why}");
    let mixed = list(vec![off.clone(), point(1_747_231_958), point(0)]);
    check(&mixed, &["BusWayPoints", fix, &warning]);
    check(&list(vec![off, point(0)]), &[&format!("bad: {why}")]);
    check(&list(Vec::new()), &["BusWayPoints"]);
}

#[test]
fn recorded_vectors_are_written_back_byte_for_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/field/gps/ufms_vectors.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no field material beside this checkout");
        return;
    };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    for vector in file["vectors"].as_array().unwrap() {
        let digits = vector["hex"].as_str().unwrap();
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let message = BaseMessage::read(&bytes).unwrap();
        assert_eq!(message.write(), bytes, "{}", vector["name"]);
        let decode = named("ufms").unwrap().decode;
        let decoded = decode(&mut Session::default(), &bytes, UtcMillis(0));
        assert!(matches!(decoded, Decoded::Message(_)), "{}: {decoded:?}", vector["name"]);
        survives(&PROTOCOL, &bytes);
    }
}

/// What another program's encoder made of the same fields.
#[test]
fn registrations_are_written_as_others_write_them() {
    let text = |text: &str| text.to_owned();
    let some = |text: &str| Some(text.to_owned());
    let (driver, company) = (text("010099045659"), text("0100112437"));
    let registrations = Registrations {
        companies: vec![RegCompany {
            company: company.clone(),
            name: some("Transerco"),
            address: some("Ha Noi"),
            tel: some("0240000000"),
        }],
        drivers: vec![RegDriver {
            driver: driver.clone(),
            name: some("Nguyen Van A"),
            datetime_issue: Some(1_095_379_200),
            datetime_expire: Some(1_981_979_234),
            reg_place: some("Ha Noi"),
            license: some("D"),
        }],
        vehicles: vec![RegVehicle {
            vehicle: text("29B12345"),
            vehicle_type: VehicleType::Bus.number(),
            driver,
            company,
            device_model_no: Some(1),
            device_model: some("M1"),
            device_id: some("D1"),
            sim: some("0900000000"),
            datetime: Some(1_481_979_234),
            vin: some("VIN01"),
        }],
    };
    let hex = |message: &BaseMessage| -> String {
        message.write().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let want = [
        "08a403a21a2b0a0a3031303031313234333712095472616e736572636f1a064861204e6f69220a30323430303030303030",
        "089a03d219330a0c303130303939303435363539120c4e677579656e2056616e20411880d2a88a0420e2b48ab107\
         2a064861204e6f69320144",
        "08900382194a0a08323942313233343510c8011a0c303130303939303435363539220a30313030313132343337\
         280132024d313a024431420a3039303030303030303048e2ead4c205520556494e3031",
    ];
    assert_eq!(registrations.messages().iter().map(hex).collect::<Vec<_>>(), want);
}

#[test]
fn kinds_of_vehicles_have_names_and_numbers() {
    let number = |name: &str| name.parse::<VehicleType>().map(VehicleType::number);
    let names = ["passenger", "bus", "contract", "tourism", "container"];
    assert_eq!(names.map(number), [100, 200, 300, 400, 500].map(Ok::<i32, String>));
    let why = "\"tram\" is not known; known are passenger, bus, contract, tourism, container";
    assert_eq!(number("tram"), Err(why.to_owned()));
}

#[test]
fn doors_ignition_sos_and_the_driver() {
    let open = BusWayPoint {
        driver: Some("790012345678".to_owned()),
        door_down: Some(true),
        ignition: Some(true),
        sos: Some(true),
        ..point(1_747_231_958)
    };
    let silent = BusWayPoint { door_up: None, ..point(1_747_231_968) };
    let list = BusWayPoints { events: vec![open, point(1_747_231_963), silent] };
    let list = BaseMessage { msg_type: 104, bus_way_points: Some(list), ..BaseMessage::default() };
    let want = ["doors open, engine on, sos, 790012345678", "doors shut", ""];
    assert_eq!(told(&PROTOCOL, &list.write()), want);
    let any = WayPoint {
        vehicle: "29B-1".to_owned(),
        datetime: 1_747_231_958,
        x: 105.852,
        y: 21.028,
        door: Some(true),
        ignition: Some(false),
        ..WayPoint::default()
    };
    let any = BaseMessage { msg_type: 100, way_point: Some(any), ..BaseMessage::default() };
    assert_eq!(told(&PROTOCOL, &any.write()), ["doors open, engine off"]);
}
