-- What was thought of each bus of a day that is over, by which others are judged when one of them is made anew. Never change this
-- file: add the next one.
CREATE TABLE bus_claim (
    -- When the buses' day began.
    begin_ms INTEGER NOT NULL,
    vehicle  TEXT    NOT NULL,
    -- JSON, as in control-center/src/transit/anew.rs.
    record   TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX bus_claim_name ON bus_claim (begin_ms, vehicle);
