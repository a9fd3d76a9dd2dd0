-- What trackers tell of their vehicles beside the place; NULL where a tracker says nothing. Never change this file: add the next one.
ALTER TABLE fix ADD COLUMN doors_open INTEGER;
ALTER TABLE fix ADD COLUMN engine_on INTEGER;
ALTER TABLE fix ADD COLUMN sos INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fix ADD COLUMN driver TEXT;
