-- Of a passing on a trip that is repeated without exact times: so long after the bus before is promised, and no time.
-- Never change this file: add the next one.
ALTER TABLE passing ADD COLUMN headway_ms INTEGER;
