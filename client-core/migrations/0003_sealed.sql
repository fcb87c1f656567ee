-- 0003: documents that lie ready, sealed, for emergencies without a network.

CREATE TABLE sealed (
    document     BLOB PRIMARY KEY CHECK (length(document) = 16),
    organization TEXT NOT NULL,
    patient      TEXT NOT NULL,
    -- For how long an opening holds.
    for_ms       INTEGER NOT NULL,
    staged_ms    INTEGER NOT NULL,
    body         BLOB NOT NULL
) STRICT;
CREATE INDEX sealed_of_chart ON sealed (patient, organization);

-- Documents that were unsealed here and not delivered since: the relay does not count them as held yet.
CREATE TABLE unsealed (
    document BLOB PRIMARY KEY CHECK (length(document) = 16)
) STRICT, WITHOUT ROWID;
