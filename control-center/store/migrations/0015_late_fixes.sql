-- Days of buses that are to be reckoned anew, because a report came late or a verdict changed. Never change this file: add the next one.
CREATE TABLE bus_day_due (
    vehicle  TEXT    NOT NULL,
    -- Quarter of an hour of the report, at_ms / 900000: days begin at one in every zone.
    quarter  INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    -- Grows with each: what came while a day was reckoned is not forgotten with it.
    changes  INTEGER NOT NULL,
    PRIMARY KEY (vehicle, quarter)
) STRICT, WITHOUT ROWID;
CREATE INDEX bus_day_due_first ON bus_day_due (first_ms);

-- Begin of the day whose buses the hall follows as they report; one row.
CREATE TABLE bus_day_followed (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    begin_ms INTEGER NOT NULL
) STRICT;

-- fix_reporting begins with the same column and holds more.
DROP INDEX fix_received;
