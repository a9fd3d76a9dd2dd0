-- What is believed of the positions that were reported. Every report stays; the map and the reports take those without a reason.

-- Why a fix is not believed; NULL when it is.
ALTER TABLE fix ADD COLUMN rejected TEXT;
-- Somebody has overruled the rules.
ALTER TABLE fix ADD COLUMN taken_back INTEGER NOT NULL DEFAULT 0;
CREATE INDEX fix_rejected ON fix (received_ms) WHERE rejected IS NOT NULL;
