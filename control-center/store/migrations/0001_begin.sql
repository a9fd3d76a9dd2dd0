-- Times are UTC milliseconds. Ids are text as in models/domain/src/ids.rs. Never change this file: add the next one.

-- Every event, as the gateway sent it. `id` grows in the order of storing.
CREATE TABLE event (
    id        INTEGER PRIMARY KEY,
    gateway   TEXT    NOT NULL,
    boot      INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    -- The camera, junction or vehicle it tells of; empty when this build could not read it.
    subject   TEXT    NOT NULL,
    payload   BLOB    NOT NULL
) STRICT;
-- The last guard against a double.
CREATE UNIQUE INDEX event_name ON event (gateway, boot, seq);
CREATE INDEX event_by_kind ON event (kind, at_ms, id);
CREATE INDEX event_by_subject ON event (subject, kind, at_ms, id);

-- How far each run of each gateway is stored; written in the transaction of the events.
CREATE TABLE progress (
    gateway TEXT    NOT NULL,
    boot    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (gateway, boot)
) STRICT, WITHOUT ROWID;

-- Events that a hall once confirmed and this database does not have: it was set back or lost. Both ends inclusive.
CREATE TABLE gap (
    gateway    TEXT    NOT NULL,
    boot       INTEGER NOT NULL,
    from_seq   INTEGER NOT NULL,
    to_seq     INTEGER NOT NULL,
    noticed_ms INTEGER NOT NULL,
    PRIMARY KEY (gateway, boot, from_seq)
) STRICT, WITHOUT ROWID;

-- What reports add up, in columns; `event` is event.id.
CREATE TABLE line_crossing (
    event     INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    camera    TEXT    NOT NULL,
    line      TEXT    NOT NULL,
    road_user TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    track     INTEGER NOT NULL
) STRICT;
CREATE INDEX line_crossing_at ON line_crossing (at_ms);
CREATE INDEX line_crossing_camera ON line_crossing (camera, at_ms);

CREATE TABLE camera_stats (
    event      INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    camera     TEXT    NOT NULL,
    span_ms    INTEGER NOT NULL,
    frames     INTEGER NOT NULL,
    inferred   INTEGER NOT NULL,
    detections INTEGER NOT NULL,
    dropped    INTEGER NOT NULL
) STRICT;
CREATE INDEX camera_stats_at ON camera_stats (at_ms);

CREATE TABLE fix (
    event       INTEGER PRIMARY KEY,
    -- By the device's clock.
    at_ms       INTEGER NOT NULL,
    vehicle     TEXT    NOT NULL,
    received_ms INTEGER NOT NULL,
    lat         REAL    NOT NULL,
    lon         REAL    NOT NULL,
    speed_mps   REAL    NOT NULL,
    course_deg  REAL,
    altitude_m  REAL,
    valid       INTEGER NOT NULL,
    protocol    TEXT    NOT NULL
) STRICT;
CREATE INDEX fix_received ON fix (received_ms);
CREATE INDEX fix_vehicle ON fix (vehicle, at_ms);

CREATE TABLE signal (
    event         INTEGER PRIMARY KEY,
    at_ms         INTEGER NOT NULL,
    junction      TEXT    NOT NULL,
    groups        TEXT    NOT NULL,
    cycle_s       INTEGER,
    stage         INTEGER,
    controller_ms INTEGER NOT NULL,
    -- Buffered by the controller while its link was down.
    old           INTEGER NOT NULL
) STRICT;
CREATE INDEX signal_at ON signal (at_ms);
CREATE INDEX signal_junction ON signal (junction, at_ms);

-- What each gateway last said of itself, so that the map is whole before the gateway speaks again.
CREATE TABLE gateway_state (
    gateway      TEXT    PRIMARY KEY,
    heard_ms     INTEGER NOT NULL,
    cameras_up   INTEGER NOT NULL,
    junctions_up INTEGER NOT NULL,
    alive        INTEGER NOT NULL,
    payload      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE still (
    gateway    TEXT    NOT NULL,
    boot       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    fetched_ms INTEGER NOT NULL,
    jpeg       BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX still_name ON still (gateway, boot, seq);

CREATE TABLE user (
    name          TEXT    PRIMARY KEY,
    -- argon2id in PHC form; never the password.
    password_hash TEXT    NOT NULL,
    created_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    -- SHA-256 of the token; never the token.
    token_hash BLOB    PRIMARY KEY,
    user       TEXT    NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user);
