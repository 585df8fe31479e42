-- Events, deliveries, attempts, points and what operators do. The CHECK constraints hold the states of a delivery, whatever
-- the code does. Times named ..._at are epoch milliseconds.

-- An event is never changed; its status is derived from its deliveries. Rows are numbered in the order of acceptance and
-- numbers are not used twice (AUTOINCREMENT), so that a cursor stays true over inserts and pruning.
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  event_name TEXT NOT NULL,
  event_time_seconds INTEGER NOT NULL CHECK (event_time_seconds BETWEEN -9007199254740991 AND 9007199254740991),
  value_cents INTEGER CHECK (value_cents BETWEEN -9007199254740991 AND 9007199254740991),
  currency TEXT,
  campaign_id TEXT,
  click_id TEXT,
  properties TEXT,
  deliver_at INTEGER,
  accepted_at INTEGER NOT NULL,
  delivery_count INTEGER NOT NULL CHECK (delivery_count BETWEEN 0 AND 100),
  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
  -- The event id comes first, so that a reader of every client's events finds one by it too.
  UNIQUE (event_id, client_id)
) STRICT;

-- Each list filter has an index whose entries end in the row's number: newest first without sorting, at any size. All but
-- events_by_user grow at a few hot ends, which keeps accepting cheap.
CREATE INDEX events_by_user ON events (user_id);
CREATE INDEX events_by_name ON events (event_name);
CREATE INDEX events_by_client ON events (client_id);
-- By hour and not by second: within an hour the newest come first, and a range of time is a merge of a few hours.
CREATE INDEX events_by_hour ON events (event_time_seconds / 3600, id, event_time_seconds);
CREATE INDEX events_stored ON events (id) WHERE delivery_count = 0;

-- Which rows were accepted in each minute: what lets pruning and time filters start at the right row without an index.
CREATE TABLE accepted_minutes (
  minute INTEGER PRIMARY KEY,
  first_row INTEGER NOT NULL,
  last_row INTEGER NOT NULL,
  CHECK (first_row <= last_row)
) STRICT;

-- A delivery's id is its event's row number times 100 plus its place, so an event's deliveries (and their attempts) are
-- neighbours, found by a range of ids and without an index.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  event_row INTEGER GENERATED ALWAYS AS (id / 100) VIRTUAL,
  destination TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivering', 'delivered', 'dead', 'discarded')),
  due_at INTEGER,
  claimed_at INTEGER,
  attempts INTEGER NOT NULL,
  attempt_limit INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  retry_until INTEGER,
  is_replay INTEGER NOT NULL CHECK (is_replay IN (0, 1)),
  delivered_at INTEGER,
  dead_reason TEXT,
  last_error TEXT,
  last_http_status INTEGER,
  checksum BLOB NOT NULL CHECK (length(checksum) = 32),
  payload BLOB NOT NULL,
  CHECK ((status IN ('pending', 'delivering')) = (due_at IS NOT NULL)),
  CHECK ((status = 'delivering') = (claimed_at IS NOT NULL)),
  CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
  CHECK ((status IN ('dead', 'discarded')) = (dead_reason IS NOT NULL)),
  CHECK (attempts BETWEEN 0 AND attempt_limit),
  CHECK (tries BETWEEN 0 AND attempts)
) STRICT;

-- What is due, live before replayed; a lease is a due date too. Only open deliveries are in it.
CREATE INDEX deliveries_due ON deliveries (destination, is_replay, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (id) WHERE due_at IS NULL;
CREATE INDEX deliveries_ended_badly ON deliveries (status) WHERE dead_reason IS NOT NULL;
CREATE INDEX deliveries_by_destination ON deliveries (destination);

CREATE TABLE attempts (
  delivery_id INTEGER NOT NULL REFERENCES deliveries (id),
  number INTEGER NOT NULL CHECK (number > 0),
  started_at INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'retryable', 'rejected', 'held')),
  http_status INTEGER,
  error TEXT,
  excerpt TEXT,
  possible_duplicate TEXT,
  PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- How many deliveries stand in each status, kept in the transaction that moves them.
CREATE TABLE tallies (
  destination TEXT NOT NULL,
  status TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (destination, status)
) STRICT, WITHOUT ROWID;

-- How often each user did what, for ever: count = events still stored + pruned.
CREATE TABLE points (
  user_id TEXT NOT NULL,
  event_name TEXT NOT NULL,
  count INTEGER NOT NULL,
  pruned INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, event_name),
  CHECK (pruned BETWEEN 0 AND count)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
  destination TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('operator', 'unauthorized', 'gone')),
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

-- The one row that a readiness probe writes.
CREATE TABLE probes (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  count INTEGER NOT NULL
) STRICT;
INSERT INTO probes (id, count) VALUES (1, 0);
