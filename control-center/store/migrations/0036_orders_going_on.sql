-- A green that is ordered once more while it stands changes no lamp, and is none of the orders that are counted by the minute. Never
-- change this file: add the next one.

ALTER TABLE signal_order ADD COLUMN goes_on INTEGER NOT NULL DEFAULT 0;
