-- 0002: the facts that access rests on besides roles, affiliations and grants.

ALTER TABLE practitioner_role ADD COLUMN until_ms INTEGER; -- absent: it does not end by itself
ALTER TABLE affiliation ADD COLUMN patients TEXT NOT NULL DEFAULT 'all'; -- or 'with-relationship'

CREATE TABLE relationship (
    organization TEXT NOT NULL REFERENCES organization (id),
    patient      TEXT NOT NULL,
    partner      TEXT NOT NULL REFERENCES organization (id),
    PRIMARY KEY (organization, patient, partner)
) STRICT, WITHOUT ROWID;

CREATE TABLE care_team (
    id           TEXT NOT NULL,
    organization TEXT NOT NULL REFERENCES organization (id),
    patient      TEXT NOT NULL,
    members      TEXT NOT NULL, -- JSON list
    source       TEXT,          -- the FHIR CareTeam it was read from
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE consent (
    id           TEXT NOT NULL,
    organization TEXT NOT NULL REFERENCES organization (id),
    patient      TEXT NOT NULL,
    status       TEXT NOT NULL, -- JSON
    provision    TEXT NOT NULL, -- JSON
    source       TEXT,          -- the FHIR Consent it was read from
    PRIMARY KEY (id)
) STRICT;

-- Charts opened in an emergency. Rows are never removed: the end of one is a moment, and who opened what stays known.
CREATE TABLE break_glass (
    id           BLOB PRIMARY KEY,
    organization TEXT NOT NULL, -- as it was asked for; it need not be one of this relay
    patient      TEXT NOT NULL,
    practitioner TEXT NOT NULL REFERENCES practitioner (id),
    acting_for   TEXT NOT NULL REFERENCES organization (id),
    device       BLOB NOT NULL,
    purpose      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    until_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX break_glass_by_end ON break_glass (until_ms);
