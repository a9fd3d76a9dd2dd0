//! What each version of the list says of a site, and that the checksum is that of the parameters.

use super::*;

fn config(sxl: &str) -> Config {
    let street = include_str!("../../../../deploy/config/street-signals.toml");
    Config { sxl: Version::parse(sxl).unwrap(), ..Config::parse(street).unwrap() }
}

fn told(config: &Config, ordered: &Ordered, code: &str, name: &str) -> String {
    let site = &config.sites[0];
    let value = View { config, site, ordered, at_ms: 1_767_225_600_000, faulty: true }.value(code, name);
    value.map_or("?".to_owned(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[test]
fn an_undisturbed_site() {
    let (config, ordered) = (config("1.2.1"), Ordered::default());
    for (name, want) in [
        ("S0003.inputstatus", "00000000"),
        ("S0004.outputstatus", "10000000"),
        ("S0005.status", "False"),
        ("S0005.statusByIntersection", r#"[{"intersection":"1","startup":"False"}]"#),
        ("S0006.emergencystage", "0"),
        ("S0007.status", "True"),
        ("S0008.status", "False"),
        ("S0009.source", "calendar_clock"),
        ("S0010.status", "False"),
        ("S0012.intersection", "0"),
        ("S0013.status", "0"),
        ("S0014.status", "1"),
        ("S0015.status", "1"),
        ("S0016.number", "4"),
        ("S0017.number", "6"),
        ("S0018.number", "3"),
        ("S0020.controlmode", "control"),
        ("S0021.detectorlogics", "0000"),
        ("S0022.status", "1,2,3"),
        ("S0023.status", ""),
        ("S0028.status", "01-70,02-75,03-75"),
        ("S0032.status", "centralized"),
        ("S0033.status", "[]"),
        ("S0034.status", "0"),
        ("S0035.emergencyroutes", "[]"),
        ("S0091.user", "0"),
        ("S0096.year", "2026"),
        ("S0999.status", "?"),
    ] {
        let (code, name) = name.split_once('.').unwrap();
        assert_eq!(told(&config, &ordered, code, name), want, "{code} {name}");
    }
    let older = self::config("1.0.15");
    assert_eq!(told(&older, &ordered, "S0091", "user"), "nobody");
    let starting = Ordered { starting: true, ..Ordered::default() };
    assert_eq!(told(&config, &starting, "S0020", "controlmode"), "startup");
    assert_eq!(told(&config, &starting, "S0007", "source"), "startup");
}

#[test]
fn the_checksum_is_that_of_the_parameters_and_changes_with_them() {
    let (config, mut ordered) = (config("1.2.1"), Ordered::default());
    let both = |ordered: &Ordered| {
        let bytes = BASE64_STANDARD.decode(told(&config, ordered, "S0098", "config")).unwrap();
        let checksum = told(&config, ordered, "S0097", "checksum");
        assert_eq!(hex::encode(Sha256::digest(&bytes)), checksum);
        checksum
    };
    let before = both(&ordered);
    ordered.timing.set_offset(&config.sites[0], 1, 9).unwrap();
    assert_ne!(both(&ordered), before);
}
