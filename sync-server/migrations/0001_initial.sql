-- The relay's store. Every table that grows with use carries what it is distributed by: organization or device.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE organization (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    -- Seed of the enrolment key. Embedded default; THREATS says what keeping it here costs.
    secret_key BLOB NOT NULL,
    public_key BLOB NOT NULL
) STRICT;

CREATE TABLE practitioner (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE practitioner_role (
    practitioner TEXT NOT NULL REFERENCES practitioner (id),
    organization TEXT NOT NULL REFERENCES organization (id),
    role         TEXT NOT NULL,
    sensitive    TEXT NOT NULL, -- JSON list of v3-ActCode categories
    PRIMARY KEY (organization, practitioner, role)
) STRICT;

CREATE TABLE affiliation (
    organization TEXT NOT NULL REFERENCES organization (id),
    partner      TEXT NOT NULL REFERENCES organization (id),
    compartments TEXT NOT NULL, -- JSON list
    may_write    INTEGER NOT NULL,
    PRIMARY KEY (organization, partner)
) STRICT;

CREATE TABLE access_grant (
    id            TEXT PRIMARY KEY,
    organization  TEXT NOT NULL REFERENCES organization (id),
    patient       TEXT NOT NULL,
    grantee       TEXT NOT NULL, -- JSON
    compartments  TEXT NOT NULL, -- JSON list
    may_write     INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE enrolment_code (
    code_hash     BLOB PRIMARY KEY, -- SHA-256; the code itself is shown once and not kept
    organization  TEXT NOT NULL REFERENCES organization (id),
    practitioner  TEXT NOT NULL REFERENCES practitioner (id),
    expires_at_ms INTEGER NOT NULL,
    used_by       BLOB -- device id
) STRICT;

CREATE TABLE device (
    id             BLOB PRIMARY KEY,
    public_key     BLOB NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    practitioner   TEXT NOT NULL REFERENCES practitioner (id),
    organization   TEXT NOT NULL REFERENCES organization (id),
    author         BLOB NOT NULL UNIQUE,
    certificate    TEXT NOT NULL, -- JSON
    enrolled_at_ms INTEGER NOT NULL,
    last_seen_ms   INTEGER,
    revoked_at_ms  INTEGER,
    -- Roaring bitmaps of document numbers: acknowledged; ever sent; told to remove and not sent since.
    held           BLOB NOT NULL,
    given          BLOB NOT NULL,
    gone           BLOB NOT NULL,
    withdrawals    INTEGER NOT NULL -- how often it was told to remove documents; its cursors say how many of these it knows
) STRICT;

CREATE TABLE document (
    number        INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE,
    organization  TEXT NOT NULL,
    patient       TEXT,
    compartment   TEXT NOT NULL,
    part          TEXT NOT NULL,
    fingerprint   BLOB NOT NULL -- sum over its changes
) STRICT;
CREATE INDEX document_by_chart ON document (organization, patient);

CREATE TABLE change_log (
    position       INTEGER PRIMARY KEY, -- in commit order, never reused
    document       INTEGER NOT NULL REFERENCES document (number),
    hash           BLOB NOT NULL,
    actor          BLOB NOT NULL,
    seq            INTEGER NOT NULL,
    max_op         INTEGER NOT NULL,
    origin         BLOB NOT NULL, -- device that uploaded it
    received_at_ms INTEGER NOT NULL,
    payload        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX change_by_hash ON change_log (document, hash);
-- An actor's sequence number is used once: a second change under it would break every reader of the document.
CREATE UNIQUE INDEX change_by_actor ON change_log (document, actor, seq);

CREATE TABLE author_signature (
    document  INTEGER NOT NULL REFERENCES document (number),
    actor     BLOB NOT NULL,
    seq       INTEGER NOT NULL, -- of the tip
    author    BLOB NOT NULL,
    tip       BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (document, actor)
) STRICT, WITHOUT ROWID;

-- Certificates of authors; outlives the device's row so that old changes stay verifiable.
CREATE TABLE author_certificate (
    author      BLOB PRIMARY KEY,
    certificate TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE custody (
    id             INTEGER PRIMARY KEY,
    document_id    BLOB NOT NULL,
    descriptor     TEXT NOT NULL, -- JSON
    hash           BLOB NOT NULL,
    payload        BLOB NOT NULL,
    signature      TEXT, -- JSON, the author's newest at the time
    device         BLOB NOT NULL,
    practitioner   TEXT NOT NULL,
    organization   TEXT NOT NULL,
    reason         TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    UNIQUE (document_id, hash)
) STRICT;

CREATE TABLE audit (
    seq           INTEGER PRIMARY KEY,
    at_ms         INTEGER NOT NULL,
    action        TEXT NOT NULL,
    device        BLOB,
    practitioner  TEXT,
    organization  TEXT,
    detail        TEXT NOT NULL, -- JSON: ids, counts and reasons; never content
    previous_hash BLOB NOT NULL,
    hash          BLOB NOT NULL
) STRICT;
