-- How buses went on the roads, by five minutes. Never change this file: add the next one.

-- A piece of road between two halts, in one direction. The name stays through new timetables.
CREATE TABLE road_segment (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    from_stop TEXT    NOT NULL,
    to_stop   TEXT    NOT NULL,
    length_m  REAL    NOT NULL,
    -- `lat,lon` in degrees, with blanks between.
    line      TEXT    NOT NULL,
    -- When a timetable in force last had it.
    used_ms   INTEGER NOT NULL
) STRICT;

-- Way and time between stops, and time at them, of all buses together; as in models/domain/src/transit/probe.rs.
CREATE TABLE probe (
    segment   INTEGER NOT NULL,
    bucket_ms INTEGER NOT NULL,
    buses     INTEGER NOT NULL,
    run_cm    INTEGER NOT NULL,
    run_ms    INTEGER NOT NULL,
    stop_ms   INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL,
    PRIMARY KEY (segment, bucket_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX probe_at ON probe (bucket_ms);

-- Findings of buses stand in the list of events: one walk a kind.
CREATE INDEX bus_event_finding ON bus_event (finding, began_ms);
