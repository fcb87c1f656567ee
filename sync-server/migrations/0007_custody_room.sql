-- 0007: what was returned by itself, as it builds on what was returned, counts as filling custody for a while.

CREATE INDEX custody_returned_by_itself ON custody (device, received_at_ms)
    WHERE outcome = 'returned' AND decided_by IS NULL;
