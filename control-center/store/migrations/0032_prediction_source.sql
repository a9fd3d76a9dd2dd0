-- What was told of runs that nobody was seen on was the timetable: it is scored apart from what buses told.
-- Never change this file: add the next one.
CREATE TABLE prediction_score_by_source (
    feed       TEXT    NOT NULL,
    -- Service day of the run, YYYY-MM-DD.
    day        TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    -- bus: from where a bus was seen; timetable: nobody was seen on the run.
    source     TEXT    NOT NULL,
    -- Told up to so many minutes before, and longer before than the next shorter.
    lead_min   INTEGER NOT NULL,
    scored     INTEGER NOT NULL,
    -- Sums over what was scored of told minus come, in seconds: as amounts, and with their signs.
    absolute_s REAL    NOT NULL,
    signed_s   REAL    NOT NULL,
    within_60  INTEGER NOT NULL,
    within_180 INTEGER NOT NULL,
    PRIMARY KEY (day, feed, route, source, lead_min)
) STRICT, WITHOUT ROWID;
INSERT INTO prediction_score_by_source
    SELECT feed, day, route, 'bus', lead_min, scored, absolute_s, signed_s, within_60, within_180 FROM prediction_score;
DROP TABLE prediction_score;
ALTER TABLE prediction_score_by_source RENAME TO prediction_score;
