-- How good predictions of arrivals were: errors of what was told, added up by service day, route, and how long before it was told.
-- Never change this file: add the next one.
CREATE TABLE prediction_score (
    feed       TEXT    NOT NULL,
    -- Service day of the run, YYYY-MM-DD.
    day        TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    -- Told up to so many minutes before, and longer before than the next shorter.
    lead_min   INTEGER NOT NULL,
    scored     INTEGER NOT NULL,
    -- Sums over what was scored of told minus come, in seconds: as amounts, and with their signs.
    absolute_s REAL    NOT NULL,
    signed_s   REAL    NOT NULL,
    within_60  INTEGER NOT NULL,
    within_180 INTEGER NOT NULL,
    PRIMARY KEY (day, feed, route, lead_min)
) STRICT, WITHOUT ROWID;
