-- For how long each destination was held, all ended holds together: what its retry clock leaves out. It begins at 0, so that
-- the ends of retries that are stored already keep their meaning.
CREATE TABLE held_times (
  destination TEXT PRIMARY KEY,
  held_ms INTEGER NOT NULL CHECK (held_ms >= 0)
) STRICT, WITHOUT ROWID;
