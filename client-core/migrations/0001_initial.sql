-- 0001: identity, trust, documents and their changes, outbox, projections, place in the sync.

-- The device's key and whom it acts for. What follows relay_url is NULL until the relay has answered.
CREATE TABLE identity (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    secret_seed       BLOB NOT NULL CHECK (length(secret_seed) = 32),
    relay_url         TEXT NOT NULL,
    relay_id          BLOB,
    organization      TEXT,
    organization_name TEXT,
    practitioner      TEXT,
    practitioner_name TEXT,
    lease_until_ms    INTEGER,
    -- Newest device time ever seen, so that setting the clock back does not lengthen the lease.
    latest_seen_ms    INTEGER NOT NULL DEFAULT 0,
    incarnation       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- First sight pins a key. Another key for the same organization is remembered for the person who decides, not used.
CREATE TABLE organization_key (
    organization TEXT PRIMARY KEY,
    key          BLOB NOT NULL,
    rejected_key BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    author       BLOB PRIMARY KEY,
    device_key   BLOB NOT NULL,
    practitioner TEXT NOT NULL,
    organization TEXT NOT NULL,
    not_before   INTEGER NOT NULL,
    not_after    INTEGER NOT NULL,
    signature    BLOB NOT NULL,
    -- 1 if it verifies under the pinned key of its organization.
    trusted      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
    number       INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    organization TEXT NOT NULL,
    patient      TEXT,
    compartment  TEXT NOT NULL,
    part         TEXT NOT NULL,
    -- 1 while changes came in that the resource rows do not show yet.
    stale        INTEGER NOT NULL DEFAULT 0,
    -- Why the document cannot be opened; NULL when it can.
    unreadable   TEXT
) STRICT;
CREATE INDEX document_of_chart ON document (patient, organization);

-- Append only. The order of `number` is causal: a change follows those it builds on.
CREATE TABLE change (
    number    INTEGER PRIMARY KEY,
    document  INTEGER NOT NULL REFERENCES document (number),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    actor     BLOB NOT NULL,
    payload   BLOB NOT NULL,
    stored_ms INTEGER NOT NULL,
    UNIQUE (document, hash)
) STRICT;

-- The newest signature of each actor of a document.
CREATE TABLE author_signature (
    document  INTEGER NOT NULL REFERENCES document (number),
    actor     BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    tip       BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (document, actor)
) STRICT, WITHOUT ROWID;

-- A row exists exactly while its change is committed here and not in the relay's log.
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    document  INTEGER NOT NULL REFERENCES document (number),
    change    INTEGER NOT NULL UNIQUE REFERENCES change (number),
    queued_ms INTEGER NOT NULL,
    state     TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'custody', 'refused')),
    reason    TEXT
) STRICT;
CREATE INDEX outbox_of_document ON outbox (document);
CREATE INDEX outbox_by_state ON outbox (state, seq);

-- Sum over the changes of a document that device and relay share, quarantined ones included.
CREATE TABLE shared_sum (
    document BLOB PRIMARY KEY,
    sum      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Parts of documents that go on in the next batch. Emptied at each connection: the relay starts over from the cursor.
CREATE TABLE incoming_change (
    number   INTEGER PRIMARY KEY,
    document BLOB NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('descriptor', 'change', 'signature')),
    body     BLOB NOT NULL
) STRICT;
CREATE INDEX incoming_of_document ON incoming_change (document);

-- Deliveries that were not accepted: kept whole, with the reason.
CREATE TABLE quarantine (
    document   BLOB PRIMARY KEY,
    reason     TEXT NOT NULL,
    since_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantined_item (
    number   INTEGER PRIMARY KEY,
    document BLOB NOT NULL REFERENCES quarantine (document) ON DELETE CASCADE,
    kind     TEXT NOT NULL CHECK (kind IN ('descriptor', 'change', 'signature')),
    body     BLOB NOT NULL,
    UNIQUE (document, kind, body)
) STRICT;

CREATE TABLE patient (
    number       INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    patient      TEXT NOT NULL,
    name         TEXT NOT NULL,
    birth_date   TEXT,
    gender       TEXT,
    identifiers  TEXT NOT NULL,
    UNIQUE (patient, organization)
) STRICT;
CREATE INDEX patient_by_name ON patient (name COLLATE NOCASE);
CREATE VIRTUAL TABLE patient_search USING fts5 (
    name, identifiers, birth_date,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO patient_search (patient_search, rank) VALUES ('secure-delete', 1);

CREATE TABLE resource (
    number        INTEGER PRIMARY KEY,
    document      INTEGER NOT NULL REFERENCES document (number),
    resource_type TEXT NOT NULL,
    id            TEXT NOT NULL,
    json          TEXT NOT NULL,
    summary       TEXT NOT NULL,
    date          TEXT,
    status        TEXT,
    UNIQUE (document, resource_type, id)
) STRICT;

CREATE TABLE sync_state (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    cursor         BLOB,
    epoch          BLOB,
    shared_sum     BLOB NOT NULL,
    last_synced_ms INTEGER,
    clock_skew_ms  INTEGER,
    -- 1 when the next resume is to compare all that is held.
    compare_next   INTEGER NOT NULL DEFAULT 0,
    diverged       INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sync_state (id, shared_sum) VALUES (1, zeroblob(16));

-- Unsent work in documents that the relay took back: not shown any more, never lost, sent if the right returns.
CREATE TABLE kept_work (
    number       INTEGER PRIMARY KEY,
    document     BLOB NOT NULL,
    organization TEXT NOT NULL,
    patient      TEXT,
    hash         BLOB NOT NULL,
    actor        BLOB NOT NULL,
    payload      BLOB NOT NULL,
    made_ms      INTEGER NOT NULL,
    UNIQUE (document, hash)
) STRICT;
