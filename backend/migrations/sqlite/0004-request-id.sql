-- The X-Request-Id of the request that an event came with, which is sent on with its deliveries. Null for what was stored before.
ALTER TABLE events ADD COLUMN request_id TEXT;
