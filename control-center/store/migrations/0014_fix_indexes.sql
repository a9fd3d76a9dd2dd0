-- How trackers reported is counted without reading the table, which may have a hundred million rows. Never change this file: add the next one.
CREATE INDEX fix_reporting ON fix (received_ms, vehicle, rejected);
CREATE INDEX fix_believed ON fix (vehicle, at_ms) WHERE rejected IS NULL;
