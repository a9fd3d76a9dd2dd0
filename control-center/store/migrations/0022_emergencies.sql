-- Vehicles under way with greens ahead of them, so that a hall that was killed goes on with them. Never change this file: add the next one.

CREATE TABLE emergency (
    id       INTEGER PRIMARY KEY,
    -- NULL: it is under way.
    ended_ms INTEGER,
    -- The hall's own JSON.
    told     TEXT    NOT NULL
) STRICT;
