-- Who gave an order for a tracker, and why it is taken back where that is so. Never change this file: add the next one.
ALTER TABLE tracker_order ADD COLUMN user TEXT NOT NULL DEFAULT '';
-- Empty while it stands. What is taken back is over once its gateway says so.
ALTER TABLE tracker_order ADD COLUMN withdrawn TEXT NOT NULL DEFAULT '';
UPDATE tracker_order SET user = coalesce((SELECT audit.user FROM audit WHERE action = 'give_tracker_order'
    AND what LIKE 'order ' || tracker_order.id || ' for %'), '') WHERE progress IN ('waiting', 'sent');
