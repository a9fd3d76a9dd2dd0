-- What the hall orders by itself is forgotten by age. Never change this file: add the next one.

CREATE INDEX signal_order_asked ON signal_order (asked_ms);
