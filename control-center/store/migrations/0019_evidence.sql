-- Pictures of events that are evidence. They are fetched as soon as the event is stored, and are no other pictures than those
-- that the event was told with.
CREATE TABLE evidence (
    gateway    TEXT    NOT NULL,
    boot       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    fetched_ms INTEGER NOT NULL,
    jpeg       BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX evidence_name ON evidence (gateway, boot, seq, part);

-- Those that are still to be fetched; written in the transaction of their event.
CREATE TABLE evidence_wanted (
    gateway TEXT    NOT NULL,
    boot    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    -- Of the JPEG, as the event told.
    sha256  BLOB    NOT NULL,
    tries   INTEGER NOT NULL,
    -- Not before then.
    next_ms INTEGER NOT NULL,
    PRIMARY KEY (gateway, boot, seq, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_wanted_next ON evidence_wanted (next_ms);
