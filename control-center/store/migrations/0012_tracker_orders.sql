-- What trackers are asked to do, and how far that got by the gateway's last word. Never change this file: add the next one.
CREATE TABLE tracker_order (
    -- 63 random bits: a hall that lost its database gives none twice.
    id         INTEGER PRIMARY KEY,
    gateway    TEXT    NOT NULL,
    vehicle    TEXT    NOT NULL,
    given_ms   INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    -- locate, report_every or text; `value` is the seconds or the text.
    what       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    -- A name of models_domain::order::Progress.
    progress   TEXT    NOT NULL,
    -- When it was sent or answered.
    at_ms      INTEGER NOT NULL,
    times_sent INTEGER NOT NULL,
    said       TEXT    NOT NULL,
    -- Whether the gateway has it.
    taken      INTEGER NOT NULL
) STRICT;
CREATE INDEX tracker_order_open ON tracker_order (given_ms) WHERE progress IN ('waiting', 'sent');
CREATE INDEX tracker_order_given ON tracker_order (given_ms);
