-- What takes room, and what is asked for often. Never change this file: add the next one.

-- Added up without a look at the pictures.
ALTER TABLE evidence ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE evidence SET bytes = length(jpeg);
CREATE INDEX evidence_bytes ON evidence (bytes);

-- The orders of a junction that still stand.
CREATE INDEX signal_order_stands ON signal_order (junction, ends_ms);
