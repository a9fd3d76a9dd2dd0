-- Which plans junctions ran, as the hall heard of it, by its clock: what was shown is held against another time by them. Never change this file: add the next one.

CREATE TABLE signal_plan (
    junction       TEXT    NOT NULL,
    began_ms       INTEGER NOT NULL,
    -- When it was heard of last.
    until_ms       INTEGER NOT NULL,
    plan           INTEGER NOT NULL,
    -- Seconds of one cycle. NULL: the controller does not tell.
    cycle_length_s INTEGER,
    PRIMARY KEY (junction, began_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX signal_plan_began ON signal_plan (began_ms);
