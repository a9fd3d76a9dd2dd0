-- What each user may do beyond looking, and where. Never change this file: add the next one.

CREATE TABLE user_right (
    user       TEXT    NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    -- Such as command_signals.
    permission TEXT    NOT NULL,
    -- The id of an area in the hall's configuration, or * for everywhere.
    area       TEXT    NOT NULL,
    given_ms   INTEGER NOT NULL,
    PRIMARY KEY (user, permission, area)
) STRICT, WITHOUT ROWID;

-- Whoever could command every junction before rights had areas still can.
INSERT INTO user_right (user, permission, area, given_ms)
SELECT name, 'command_signals', '*', created_ms FROM user WHERE role = 'administrator';
