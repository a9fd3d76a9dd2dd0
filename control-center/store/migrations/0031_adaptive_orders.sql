-- Adaptive control orders two or three times a minute: the orders of everybody else are found without looking at its own, and its own are
-- forgotten by when they were asked for. Never change this file: add the next one.

CREATE INDEX signal_order_of_others ON signal_order (junction, id) WHERE asked_by NOT GLOB 'adaptive:*';
CREATE INDEX signal_order_adaptive ON signal_order (asked_ms) WHERE asked_by GLOB 'adaptive:*';
