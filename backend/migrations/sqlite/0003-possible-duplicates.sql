-- How often, and why, each destination may have processed an attempt that is not recorded as delivered: for ever, kept in the
-- transaction that records the attempt.
CREATE TABLE possible_duplicates (
  destination TEXT NOT NULL,
  reason TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  PRIMARY KEY (destination, reason)
) STRICT, WITHOUT ROWID;
INSERT INTO possible_duplicates (destination, reason, count)
  SELECT d.destination, a.possible_duplicate, count(*) FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
  WHERE a.possible_duplicate IS NOT NULL GROUP BY 1, 2;
