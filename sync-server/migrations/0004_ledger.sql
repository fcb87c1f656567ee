-- 0004: what is owed and proved: purge receipts, wipes, custody decisions, the trails of devices, alerts.

-- What a device was told to remove and has not confirmed: a row for each time it was told.
CREATE TABLE owed_receipt (
    device     BLOB NOT NULL REFERENCES device (id),
    withdrawal INTEGER NOT NULL, -- the device's count of withdrawals with this one
    since_ms   INTEGER NOT NULL,
    documents  BLOB NOT NULL, -- bitmap of document numbers; shrinks with every receipt, and the row goes with the last
    PRIMARY KEY (device, withdrawal)
) STRICT, WITHOUT ROWID;

-- Receipts as they came, so that they can be verified again.
CREATE TABLE purge_receipt (
    device         BLOB NOT NULL REFERENCES device (id),
    receipt        INTEGER NOT NULL,
    signature      BLOB NOT NULL,
    documents      BLOB NOT NULL, -- document ids, one after another, as they were signed
    wiped          INTEGER NOT NULL,
    purged_at_ms   INTEGER NOT NULL, -- by the device's clock
    received_at_ms INTEGER NOT NULL,
    PRIMARY KEY (device, receipt, signature) -- a device that was set back uses a number again
) STRICT, WITHOUT ROWID;

CREATE TABLE wipe_order (
    device        BLOB PRIMARY KEY REFERENCES device (id),
    ordered_at_ms INTEGER NOT NULL,
    wiped_at_ms   INTEGER -- when the device's receipt came
) STRICT, WITHOUT ROWID;

-- Which document went to which device up to which version, in which batch. The audit trail says the same in the order of
-- time; here it is found by document and by device.
CREATE TABLE disclosure (
    document    INTEGER NOT NULL,
    row         INTEGER NOT NULL, -- of the audit trail: that of the batch
    device      BLOB NOT NULL,
    upto        INTEGER NOT NULL, -- position in the log
    break_glass INTEGER NOT NULL, -- it was open by emergency access only
    PRIMARY KEY (document, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX disclosure_by_device ON disclosure (device, document, upto);
INSERT INTO disclosure (document, row, device, upto, break_glass)
    SELECT sent.value ->> 0, audit.seq, audit.device, max(sent.value ->> 1), 0
    FROM audit, json_each(audit.detail, '$."documents-upto"') AS sent
    WHERE audit.action = 'disclose' AND audit.device IS NOT NULL GROUP BY 1, 2;

-- Batches that their device acknowledged to have on disk, by the audit row of the batch.
CREATE TABLE acknowledgement (
    row   INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;

-- The trails of devices. A device whose trail does not continue the one that is here begins a branch beside it.
CREATE TABLE trail_branch (
    device      BLOB NOT NULL REFERENCES device (id),
    branch      INTEGER NOT NULL, -- 0 is the first
    first       INTEGER NOT NULL, -- number of its first entry
    previous    BLOB NOT NULL, -- hash of the entry before that
    begun_at_ms INTEGER NOT NULL,
    PRIMARY KEY (device, branch)
) STRICT, WITHOUT ROWID;
CREATE TABLE trail_entry (
    device BLOB NOT NULL,
    branch INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    entry  TEXT NOT NULL, -- JSON
    hash   BLOB NOT NULL, -- over the hash before it and the entry
    PRIMARY KEY (device, branch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX trail_by_chart ON trail_entry (entry ->> '$.o', entry ->> '$.p') WHERE entry ->> '$.p' IS NOT NULL;
-- The device's signature over each stretch that it sent, and the row of the relay's own trail that anchors it.
CREATE TABLE trail_stretch (
    device    BLOB NOT NULL,
    branch    INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    signature BLOB NOT NULL,
    row       INTEGER NOT NULL,
    PRIMARY KEY (device, branch, last)
) STRICT, WITHOUT ROWID;

-- Decisions on what is in custody. An accepted change goes into the log as soon as a signature covers it there.
ALTER TABLE custody ADD COLUMN outcome TEXT; -- null: undecided; accepted; returned
ALTER TABLE custody ADD COLUMN in_log INTEGER NOT NULL DEFAULT 0;
ALTER TABLE custody ADD COLUMN decided_at_ms INTEGER;
ALTER TABLE custody ADD COLUMN decided_by TEXT; -- practitioner; null: it came again with the right to write
ALTER TABLE custody ADD COLUMN decided_for TEXT; -- organization
ALTER TABLE custody ADD COLUMN decision TEXT; -- why, in the officer's words
CREATE INDEX custody_undecided ON custody (device) WHERE outcome IS NULL;

-- Every signature that came with what is in custody: which one covers a change once it is accepted is not known before.
CREATE TABLE custody_signature (
    document_id BLOB NOT NULL,
    author      BLOB NOT NULL,
    tip         BLOB NOT NULL,
    signature   BLOB NOT NULL,
    PRIMARY KEY (document_id, author, tip)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO custody_signature (document_id, author, tip, signature)
    SELECT document_id, unhex(signature ->> '$.a'), unhex(signature ->> '$.t'), unhex(signature ->> '$.s')
    FROM custody WHERE signature IS NOT NULL;

-- Which devices are to be told of a decision: the one that sent the change, and the one that made it.
CREATE TABLE custody_notice (
    device      BLOB NOT NULL,
    document_id BLOB NOT NULL,
    hash        BLOB NOT NULL,
    known       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, document_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO custody_notice (device, document_id, hash) SELECT device, document_id, hash FROM custody;

-- What a privacy officer must hear of. The same about the same is one alert, counted, until it is marked as seen.
CREATE TABLE alert (
    id           INTEGER PRIMARY KEY,
    organization TEXT NOT NULL, -- whose privacy officers it reaches
    kind         TEXT NOT NULL,
    about        TEXT NOT NULL, -- what makes two of them the same
    first_at_ms  INTEGER NOT NULL,
    last_at_ms   INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    device       BLOB,
    practitioner TEXT,
    detail       TEXT NOT NULL, -- JSON: ids, counts and reasons
    seen_at_ms   INTEGER,
    seen_by      TEXT
) STRICT;
CREATE UNIQUE INDEX alert_unseen ON alert (organization, kind, about) WHERE seen_at_ms IS NULL;
CREATE INDEX alert_by_organization ON alert (organization, id);
