-- Sums by the minute of the street, written in the transaction of the events that they are made of. Never change this file.

-- What crossed each line. What a gateway tells later of the same minute is added.
CREATE TABLE minute_count (
    camera    TEXT    NOT NULL,
    minute_ms INTEGER NOT NULL,
    line      TEXT    NOT NULL,
    road_user TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    crossings INTEGER NOT NULL,
    PRIMARY KEY (camera, minute_ms, line, road_user, direction)
) STRICT, WITHOUT ROWID;
CREATE INDEX minute_count_at ON minute_count (minute_ms);

-- How much of each minute a camera was watched. No row: nobody looked.
CREATE TABLE minute_watched (
    camera      TEXT    NOT NULL,
    minute_ms   INTEGER NOT NULL,
    watched_ms  INTEGER NOT NULL,
    analysed_ms INTEGER NOT NULL,
    PRIMARY KEY (camera, minute_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX minute_watched_at ON minute_watched (minute_ms);

-- The whole city.
CREATE TABLE minute_figure (
    minute_ms      INTEGER PRIMARY KEY,
    frames         INTEGER NOT NULL,
    detections     INTEGER NOT NULL,
    crossings      INTEGER NOT NULL,
    rule_events    INTEGER NOT NULL,
    fixes          INTEGER NOT NULL,
    signal_changes INTEGER NOT NULL
) STRICT;

-- What was stored before there were minutes.
INSERT INTO minute_count
SELECT camera, at_ms - at_ms % 60000, line, road_user, direction, count(*) FROM line_crossing GROUP BY 1, 2, 3, 4, 5;

INSERT INTO minute_figure
SELECT minute_ms, sum(frames), sum(detections), sum(crossings), sum(rule_events), sum(fixes), sum(signal_changes) FROM (
    SELECT at_ms - at_ms % 60000 AS minute_ms, frames, detections, 0 AS crossings, 0 AS rule_events, 0 AS fixes, 0 AS signal_changes
        FROM camera_stats
    UNION ALL SELECT at_ms - at_ms % 60000, 0, 0, 1, 0, 0, 0 FROM line_crossing
    UNION ALL SELECT at_ms - at_ms % 60000, 0, 0, 0, 1, 0, 0 FROM event WHERE kind = 'rule'
    UNION ALL SELECT received_ms - received_ms % 60000, 0, 0, 0, 0, 1, 0 FROM fix
    UNION ALL SELECT at_ms - at_ms % 60000, 0, 0, 0, 0, 0, 1 FROM signal
) GROUP BY minute_ms;

-- Who looked at what about whom, and why. Only ever added to.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    user    TEXT    NOT NULL,
    -- Such as search_tracks.
    action  TEXT    NOT NULL,
    -- In the user's own words.
    purpose TEXT    NOT NULL,
    -- What was asked, as text for people.
    what    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at_ms);
