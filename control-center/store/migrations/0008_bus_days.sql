-- What became of each bus's day: when it passed its stops, and what was found. Written again as a whole when a late report
-- changes it. Never change this file: add the next one.
CREATE TABLE passing (
    feed      TEXT    NOT NULL,
    -- Service day of the run, YYYY-MM-DD.
    day       TEXT    NOT NULL,
    trip      TEXT    NOT NULL,
    -- Of a repeated trip, when it starts, in seconds of the service day; else -1.
    start_s   INTEGER NOT NULL,
    -- Number of the call in its trip, from 0.
    call      INTEGER NOT NULL,
    vehicle   TEXT    NOT NULL,
    route     TEXT    NOT NULL,
    direction INTEGER,
    stop      TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    due_ms    INTEGER NOT NULL,
    -- The two fixes between which it happened lie this far apart.
    gap_ms    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX passing_name ON passing (feed, day, trip, start_s, call, vehicle);
CREATE INDEX passing_route ON passing (feed, day, route);
CREATE INDEX passing_vehicle ON passing (vehicle, at_ms);
CREATE INDEX passing_at ON passing (at_ms);

-- One row a finding; texts are empty and start_s is -1 where it is of no bus, run or stop.
CREATE TABLE bus_event (
    finding   TEXT    NOT NULL,
    vehicle   TEXT    NOT NULL,
    began_ms  INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    -- NULL while it holds.
    ended_ms  INTEGER,
    feed      TEXT    NOT NULL,
    day       TEXT    NOT NULL,
    trip      TEXT    NOT NULL,
    start_s   INTEGER NOT NULL,
    route     TEXT    NOT NULL,
    direction INTEGER,
    stop      TEXT    NOT NULL,
    lat       REAL,
    lon       REAL,
    -- As in models/domain/src/transit/finding.rs.
    value     REAL
) STRICT;
CREATE UNIQUE INDEX bus_event_name ON bus_event (finding, vehicle, began_ms, feed, day, trip, start_s, stop);
CREATE INDEX bus_event_vehicle ON bus_event (vehicle, began_ms);
CREATE INDEX bus_event_at ON bus_event (began_ms);
