//! A small feed that is right, to be made wrong, and its import.

use std::collections::BTreeMap;

use control_center_gtfs::report::Report;
use control_center_gtfs::{Feed, Source, read};

pub type Files = BTreeMap<&'static str, String>;

pub fn small() -> Files {
    BTreeMap::from([
        ("agency.txt", "agency_id,agency_name,agency_url,agency_timezone\na,Xe,http://x.vn,Asia/Ho_Chi_Minh\n"),
        ("routes.txt", "route_id,agency_id,route_short_name,route_long_name,route_type\nr1,a,1,Một,3\n"),
        (
            "stops.txt",
            "stop_id,stop_name,stop_lat,stop_lon\ns1,Một,21.0,105.80\ns2,\"Hai, đông\",21.0,105.81\ns3,Ba,21.0,105.82\n",
        ),
        ("trips.txt", "route_id,service_id,trip_id,block_id,shape_id\nr1,w,t1,b1,\nr1,w,t2,b1,\n"),
        (
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n\
             t1,08:00:00,08:00:00,s1,1\nt1,,,s2,2\nt1,08:10:00,08:10:00,s3,3\n\
             t2,25:00:00,25:00:00,s3,1\nt2,25:04:00,25:05:00,s2,2\nt2,25:10:00,25:10:00,s1,9\n",
        ),
        (
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
             w,1,1,1,1,1,0,0,20260101,20261231\n",
        ),
    ])
    .into_iter()
    .map(|(name, text)| (name, text.to_owned()))
    .collect()
}

pub fn import(files: &Files, zone: Option<&str>) -> (Option<Feed>, Report) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    read(&mut Source::open(folder.path()).expect("a folder"), zone).expect("readable")
}
