-- What rules measured, in columns for reports: one row a value. `event` is event.id. Rules told before this table have none.
-- Never change this file: add the next one.
CREATE TABLE measure (
    event     INTEGER NOT NULL,
    -- As in models/domain/src/measure.rs, the unit at the end.
    what      TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    began_ms  INTEGER NOT NULL,
    camera    TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    phase     TEXT    NOT NULL,
    zone      TEXT,
    way_from  TEXT,
    way_to    TEXT,
    road_user TEXT,
    value     REAL    NOT NULL,
    PRIMARY KEY (event, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX measure_camera ON measure (camera, at_ms);
CREATE INDEX measure_at ON measure (at_ms);
