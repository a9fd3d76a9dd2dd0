-- Faults of signal controllers, and the work orders to mend them. Never change this file: add the next one.

CREATE TABLE signal_fault (
    id       INTEGER PRIMARY KEY,
    junction TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    -- As the controller names it; empty: the controller as a whole.
    part     TEXT    NOT NULL,
    -- A line for each alarm, the worst first.
    codes    TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    priority INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    -- NULL: it is there.
    ended_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX signal_fault_open ON signal_fault (junction, kind, part) WHERE ended_ms IS NULL;
CREATE INDEX signal_fault_part ON signal_fault (junction, kind, part, began_ms);
CREATE INDEX signal_fault_lost ON signal_fault (ended_ms) WHERE kind = 'link' AND part = '';
CREATE INDEX signal_fault_ended ON signal_fault (ended_ms);

CREATE TABLE work_order (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    junction  TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    part      TEXT    NOT NULL,
    codes     TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    priority  INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL,
    opened_by TEXT    NOT NULL,
    due_ms    INTEGER NOT NULL,
    -- open, taken, done, cancelled.
    state     TEXT    NOT NULL,
    assignee  TEXT    NOT NULL,
    moved_ms  INTEGER NOT NULL,
    -- NULL while it is open or taken.
    closed_ms INTEGER,
    -- Steps so far: two people cannot take the same one.
    version   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX work_order_open ON work_order (junction, kind, part) WHERE closed_ms IS NULL;
CREATE INDEX work_order_closed ON work_order (closed_ms);

CREATE TABLE work_order_step (
    id         INTEGER PRIMARY KEY,
    work_order INTEGER NOT NULL REFERENCES work_order ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    user       TEXT    NOT NULL,
    step       TEXT    NOT NULL,
    assignee   TEXT    NOT NULL,
    note       TEXT    NOT NULL
) STRICT;
CREATE INDEX work_order_step_of ON work_order_step (work_order);

-- Work orders have a right of their own. Whoever may command the signals of an area may see to it that they are mended there.
INSERT OR IGNORE INTO user_right (user, permission, area, given_ms)
SELECT user, 'maintain_signals', area, given_ms FROM user_right WHERE permission = 'command_signals';
