-- 0005: referrals: charts that others are to have for a time.

CREATE TABLE referral (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization TEXT NOT NULL,
    patient      TEXT NOT NULL,
    -- 'organization' or 'practitioner', and which.
    to_kind      TEXT NOT NULL CHECK (to_kind IN ('organization', 'practitioner')),
    to_id        TEXT NOT NULL,
    -- Names, comma between them.
    compartments TEXT NOT NULL,
    may_write    INTEGER NOT NULL,
    for_ms       INTEGER NOT NULL,
    asked_ms     INTEGER NOT NULL,
    state        TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'opened', 'refused')),
    -- By the relay's clock.
    until_ms     INTEGER,
    refusal      TEXT
) STRICT;
CREATE INDEX referral_waiting ON referral (asked_ms) WHERE state = 'waiting';
