-- What detectors of signal controllers counted, by the minute of the street. Never change this file: add the next one.

-- What comes later of the same minute is added.
CREATE TABLE minute_detector (
    junction    TEXT    NOT NULL,
    minute_ms   INTEGER NOT NULL,
    detector    INTEGER NOT NULL,
    -- Time in which vehicles were counted.
    counted_ms  INTEGER NOT NULL,
    vehicles    INTEGER NOT NULL,
    -- Time of which the occupancy is known, and of it that in which the detector was covered.
    judged_ms   INTEGER NOT NULL,
    covered_ms  INTEGER NOT NULL,
    -- Vehicles whose speed is known, and the sum of their speeds in centimetres a second.
    timed       INTEGER NOT NULL,
    speed_cm_s  INTEGER NOT NULL,
    PRIMARY KEY (junction, minute_ms, detector)
) STRICT, WITHOUT ROWID;
CREATE INDEX minute_detector_at ON minute_detector (minute_ms);

-- Road users by kind, of detectors that tell them apart; only what is above zero.
CREATE TABLE minute_detector_kind (
    junction  TEXT    NOT NULL,
    minute_ms INTEGER NOT NULL,
    detector  INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (junction, minute_ms, detector, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX minute_detector_kind_at ON minute_detector_kind (minute_ms);
