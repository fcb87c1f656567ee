-- 0011: programs that use the FHIR API, each for one practitioner of one organization.

CREATE TABLE fhir_client (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    practitioner  TEXT NOT NULL REFERENCES practitioner (id),
    organization  TEXT NOT NULL REFERENCES organization (id),
    secret_hash   BLOB NOT NULL, -- SHA-256: the secret has 256 random bits, is shown once and not kept
    added_at_ms   INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT;
CREATE INDEX fhir_client_by_organization ON fhir_client (organization, id);

CREATE TABLE fhir_token (
    token_hash    BLOB NOT NULL PRIMARY KEY, -- of another kind than those of sign_in: one is never taken for the other
    client        TEXT NOT NULL REFERENCES fhir_client (id),
    began_at_ms   INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX fhir_token_by_client ON fhir_token (client, began_at_ms);
CREATE INDEX fhir_token_by_expiry ON fhir_token (expires_at_ms);

-- Under which devices a client reads and writes: one for each run of the relay, whose key is in memory only.
CREATE TABLE fhir_gateway (
    device        BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    client        TEXT NOT NULL REFERENCES fhir_client (id)
) STRICT;
CREATE INDEX fhir_gateway_by_client ON fhir_gateway (client);
