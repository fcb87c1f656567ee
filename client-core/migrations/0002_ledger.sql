-- 0002: the device's own audit trail, receipts for what was removed, emergency access, returned work, erasing.

-- Each entry's hash covers all before it. Rows go from the front only, once the relay has them.
CREATE TABLE trail (
    seq   INTEGER PRIMARY KEY,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    at_ms INTEGER NOT NULL,
    body  TEXT NOT NULL
) STRICT;

CREATE TABLE trail_state (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    -- What stood before the oldest row.
    anchor_seq   INTEGER NOT NULL DEFAULT 0,
    anchor_hash  BLOB NOT NULL CHECK (length(anchor_hash) = 32),
    -- The last entry that the relay has on disk.
    kept_through INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO trail_state (id, anchor_hash) VALUES (1, zeroblob(32));

CREATE TRIGGER trail_is_never_changed BEFORE UPDATE ON trail
BEGIN
    SELECT RAISE (ABORT, 'an entry of the trail is never changed');
END;
CREATE TRIGGER trail_is_sent_first BEFORE DELETE ON trail
WHEN OLD.seq > (SELECT kept_through FROM trail_state)
BEGIN
    SELECT RAISE (ABORT, 'an entry of the trail that was not sent is never removed');
END;

-- What was removed and is to be stated to the relay until it has said that it knows.
CREATE TABLE purge_receipt (
    receipt   INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Ids of 16 bytes, one after another.
    documents BLOB NOT NULL,
    wiped     INTEGER NOT NULL DEFAULT 0,
    purged_ms INTEGER NOT NULL,
    -- 1 once the write-ahead log holds no page of it any more; before that it is not stated.
    clean     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Requests for emergency access and what became of them. Times named `elapsed` are by the device's own count of time.
CREATE TABLE emergency (
    request       INTEGER PRIMARY KEY AUTOINCREMENT,
    organization  TEXT NOT NULL,
    patient       TEXT NOT NULL,
    purpose       TEXT NOT NULL,
    reason        TEXT NOT NULL,
    asked_ms      INTEGER NOT NULL,
    asked_elapsed INTEGER NOT NULL,
    state         TEXT NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'open', 'refused', 'lapsed', 'over')),
    refusal       TEXT,
    opening       BLOB,
    until_ms      INTEGER,
    ends_elapsed  INTEGER
) STRICT;

-- Documents that are here by emergency access only: stored, in parts or in quarantine.
CREATE TABLE emergency_document (
    document     BLOB PRIMARY KEY CHECK (length(document) = 16),
    until_ms     INTEGER NOT NULL,
    ends_elapsed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Work that a privacy officer returned, as its author had it.
CREATE TABLE draft (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    document      BLOB NOT NULL,
    organization  TEXT NOT NULL,
    patient       TEXT,
    compartment   TEXT NOT NULL,
    part          TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id   TEXT NOT NULL,
    reason        TEXT NOT NULL,
    made_ms       INTEGER NOT NULL,
    returned_ms   INTEGER NOT NULL,
    -- What the author did, element by element, JSON.
    steps         TEXT NOT NULL,
    -- The whole resource as the author had it, JSON; NULL once the chart was taken back.
    resource      TEXT
) STRICT;
CREATE INDEX draft_of_chart ON draft (patient, organization);

ALTER TABLE kept_work ADD COLUMN compartment TEXT;
ALTER TABLE kept_work ADD COLUMN part TEXT;
ALTER TABLE kept_work ADD COLUMN state TEXT NOT NULL DEFAULT 'kept'
    CHECK (state IN ('kept', 'queued', 'custody', 'refused', 'returned'));
ALTER TABLE kept_work ADD COLUMN reason TEXT;

-- The device's own count of time: never goes back, whatever the clock does. `elapsed_at_ms`: the clock when it was noted.
ALTER TABLE identity ADD COLUMN elapsed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE identity ADD COLUMN elapsed_at_ms INTEGER;
-- When everything is erased at the latest, by that count; NULL unless the relay ordered it. `erased`: it was done.
ALTER TABLE identity ADD COLUMN wipe_elapsed INTEGER;
ALTER TABLE identity ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

-- That this profile was erased on the relay's order, until it is enrolled anew.
CREATE TABLE erasure (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    erased_ms INTEGER NOT NULL
) STRICT;

-- The search had no content of its own, so that removed names stayed in its index. Now they are removed with the row.
DROP TABLE patient_search;
CREATE VIRTUAL TABLE patient_search USING fts5 (
    name, identifiers, birth_date,
    prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO patient_search (patient_search, rank) VALUES ('secure-delete', 1);
INSERT INTO patient_search (rowid, name, identifiers, birth_date)
SELECT patient.number,
       coalesce((
           SELECT group_concat(part.atom, ' ')
           FROM document
           JOIN resource ON resource.document = document.number
                        AND resource.resource_type = 'Patient' AND resource.id = patient.patient
           JOIN json_tree(resource.json, '$.name') AS part
           WHERE document.organization = patient.organization AND document.patient = patient.patient
             AND document.compartment = 'patient-index'
             AND (part.key IN ('family', 'text') OR part.path LIKE '%.given')
             AND part.type = 'text'
       ), patient.name),
       patient.identifiers,
       patient.birth_date
FROM patient;
