-- Timetables as the operators gave them: the zip itself, so that a later build can read more out of it.
-- Never change this file: add the next one.
CREATE TABLE timetable (
    feed          TEXT    NOT NULL,
    -- First service day, YYYY-MM-DD; the version before is in force until the day before.
    takes_effect  TEXT    NOT NULL,
    imported_ms   INTEGER NOT NULL,
    -- Zone that wins over the feed's own agency_timezone, or empty.
    zone          TEXT    NOT NULL,
    zip           BLOB    NOT NULL,
    PRIMARY KEY (feed, takes_effect)
) STRICT;
