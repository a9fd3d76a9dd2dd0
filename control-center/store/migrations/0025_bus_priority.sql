-- Late buses that asked for green, and what it gave and cost. Never change this file: add the next one.

CREATE TABLE bus_priority (
    id         INTEGER PRIMARY KEY,
    -- The id of the hall's [[bus_priority]], and the name of the approach.
    priority   TEXT    NOT NULL,
    junction   TEXT    NOT NULL,
    approach   TEXT    NOT NULL,
    vehicle    TEXT    NOT NULL,
    feed       TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    -- The run: service day, trip, and the start of a repeated one in seconds of the service day.
    day        TEXT    NOT NULL,
    trip       TEXT    NOT NULL,
    start_s    INTEGER,
    asked_ms   INTEGER NOT NULL,
    late_ms    INTEGER NOT NULL,
    to_line_m  REAL    NOT NULL,
    -- waits, calling, ordered; then how it ended.
    state      TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    order_id   INTEGER,
    until_ms   INTEGER,
    green_ms   INTEGER,
    passed_ms  INTEGER,
    -- NULL: it is under way.
    ended_ms   INTEGER,
    -- What it gave and cost, from what the lamps showed: NULL until it is reckoned.
    gain       TEXT,
    gain_ms    INTEGER,
    others_ms  INTEGER,
    usual_ms   INTEGER,
    others     INTEGER
) STRICT;
CREATE INDEX bus_priority_junction ON bus_priority (junction, asked_ms);
CREATE INDEX bus_priority_asked ON bus_priority (asked_ms);
CREATE INDEX bus_priority_open ON bus_priority (priority) WHERE ended_ms IS NULL;
CREATE INDEX bus_priority_unmeasured ON bus_priority (ended_ms) WHERE order_id IS NOT NULL AND gain IS NULL;
