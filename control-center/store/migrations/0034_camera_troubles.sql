-- When a camera's picture was not what it should be, as events tell it: what was counted then is not to be built on. Never change this file.

CREATE TABLE camera_trouble (
    camera   TEXT    NOT NULL,
    -- Such as camera_covered.
    trouble  TEXT    NOT NULL,
    began_ms INTEGER NOT NULL,
    -- NULL: it goes on.
    ended_ms INTEGER,
    PRIMARY KEY (camera, trouble, began_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX camera_trouble_open ON camera_trouble (camera) WHERE ended_ms IS NULL;
CREATE INDEX camera_trouble_ended ON camera_trouble (ended_ms) WHERE ended_ms IS NOT NULL;
