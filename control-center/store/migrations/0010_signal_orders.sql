-- Who may do what, and what was ordered of junctions. Never change this file: add the next one.

-- Everybody who could sign in before roles came was an administrator.
ALTER TABLE user ADD COLUMN role TEXT NOT NULL DEFAULT 'viewer';
UPDATE user SET role = 'administrator';

CREATE TABLE signal_order (
    id          INTEGER PRIMARY KEY,
    gateway     TEXT    NOT NULL,
    junction    TEXT    NOT NULL,
    -- plan, groups, flash, dark, all_red, own_plan; with the plan's number, or the groups' with blanks between, from 1.
    wish        TEXT    NOT NULL,
    plan        INTEGER,
    groups      TEXT    NOT NULL,
    hold_ms     INTEGER NOT NULL,
    patience_ms INTEGER NOT NULL,
    purpose     TEXT    NOT NULL,
    asked_by    TEXT    NOT NULL,
    asked_ms    INTEGER NOT NULL,
    approved_by TEXT,
    -- The number under which it was sent; it grows with every order.
    number      INTEGER UNIQUE,
    sent_ms     INTEGER,
    ends_ms     INTEGER,
    state       TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    state_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX signal_order_state ON signal_order (state, ends_ms);
CREATE INDEX signal_order_junction ON signal_order (junction, id);
