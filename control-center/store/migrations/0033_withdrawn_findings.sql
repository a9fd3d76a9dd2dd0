-- Findings of buses that were told and never were so, by what came to be known later: kept apart, and in no list.
-- Never change this file: add the next one.
CREATE TABLE bus_event_withdrawn (
    -- As in bus_event, when it was withdrawn.
    finding      TEXT    NOT NULL,
    vehicle      TEXT    NOT NULL,
    began_ms     INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    ended_ms     INTEGER,
    feed         TEXT    NOT NULL,
    day          TEXT    NOT NULL,
    trip         TEXT    NOT NULL,
    start_s      INTEGER NOT NULL,
    route        TEXT    NOT NULL,
    direction    INTEGER,
    stop         TEXT    NOT NULL,
    lat          REAL,
    lon          REAL,
    value        REAL,
    withdrawn_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX bus_event_withdrawn_at ON bus_event_withdrawn (began_ms);
