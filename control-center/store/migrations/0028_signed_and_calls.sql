-- What a vehicle is said to do; calls for help from places that are not believed, which are looked for by vehicle; and what has a say in
-- verdicts on others, in place of what is believed.
-- Never change this file: add the next one.
ALTER TABLE fix ADD COLUMN signed_trip TEXT;
ALTER TABLE fix ADD COLUMN signed_block TEXT;
ALTER TABLE fix ADD COLUMN signed_route TEXT;
CREATE INDEX fix_call ON fix (vehicle, received_ms) WHERE sos AND rejected IS NOT NULL;
CREATE INDEX fix_sound ON fix (vehicle, at_ms) WHERE (rejected IS NULL OR rejected = 'jump');
DROP INDEX fix_believed;
