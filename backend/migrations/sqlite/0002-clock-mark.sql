-- The one row that says how the wall clock stood when upkeep last looked, and for how long gateways have run since it last moved
-- by more than a day. A store with events begins with what was accepted last, and with a clock that is believed.
CREATE TABLE clock_mark (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seen_at INTEGER NOT NULL,
  steady_ms INTEGER NOT NULL CHECK (steady_ms >= 0)
) STRICT;
INSERT INTO clock_mark (id, seen_at, steady_ms) SELECT 1, accepted_at, 86400000 FROM events ORDER BY id DESC LIMIT 1;
