-- Orders to trackers of buses have a right of their own. Whoever could give them before, by commanding signals everywhere, still can.
-- Never change this file: add the next one.
INSERT OR IGNORE INTO user_right (user, permission, area, given_ms)
SELECT user, 'command_trackers', '*', given_ms FROM user_right WHERE permission = 'command_signals' AND area = '*';
