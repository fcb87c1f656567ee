-- 0003: accounts of administrators.

-- Who answers for a practitioner: the organization that added them; none if the operator did.
ALTER TABLE practitioner ADD COLUMN organization TEXT REFERENCES organization (id);

CREATE TABLE account (
    practitioner  TEXT PRIMARY KEY REFERENCES practitioner (id),
    password_hash TEXT NOT NULL, -- PHC string: Argon2id, its salt and parameters
    one_time_until_ms INTEGER, -- a one-time password admits nobody from then on; null once the owner has set one
    added_at_ms   INTEGER NOT NULL,
    set_at_ms     INTEGER NOT NULL
) STRICT;

CREATE TABLE sign_in (
    token_hash    BLOB NOT NULL PRIMARY KEY, -- the token itself is shown once and not kept
    practitioner  TEXT REFERENCES account (practitioner) ON DELETE CASCADE, -- null: the operator
    only_password INTEGER NOT NULL, -- good for nothing but changing the password
    began_at_ms   INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_by_practitioner ON sign_in (practitioner, began_at_ms);
CREATE INDEX sign_in_by_expiry ON sign_in (expires_at_ms);

-- What an administrator of one organization sees, page by page.
CREATE INDEX practitioner_role_by_practitioner ON practitioner_role (practitioner);
CREATE INDEX device_by_organization ON device (organization, id);
CREATE INDEX access_grant_by_organization ON access_grant (organization, id);
CREATE INDEX custody_by_organization ON custody (descriptor ->> '$.o', id);
CREATE INDEX audit_by_organization ON audit (organization, seq);
