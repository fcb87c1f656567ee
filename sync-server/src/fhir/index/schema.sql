-- The FHIR API's index: made of the documents, thrown away and made anew at will. Holds patient content.
CREATE TABLE document (
    number       INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    patient      TEXT,               -- null: the directory
    fingerprint  BLOB NOT NULL,      -- of what it was made of
    upto         INTEGER NOT NULL,   -- position of the newest change in it
    readable     INTEGER NOT NULL
) STRICT;
CREATE INDEX document_by_patient ON document (patient);

CREATE TABLE resource (
    id       INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES document (number) ON DELETE CASCADE,
    type     TEXT NOT NULL,
    fhir_id  TEXT NOT NULL,
    version  TEXT NOT NULL,
    updated  INTEGER NOT NULL,       -- when the relay took the newest change of it, or later
    retracted INTEGER NOT NULL,      -- entered in error
    body     TEXT NOT NULL,          -- JSON as it is shown
    UNIQUE (document, type, fhir_id)
) STRICT;
CREATE INDEX resource_by_key ON resource (type, fhir_id, document);

CREATE TABLE value (
    resource INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    system   TEXT NOT NULL,
    value    TEXT NOT NULL,
    low      INTEGER,
    high     INTEGER
) STRICT;
CREATE INDEX value_of_resource ON value (resource);
CREATE INDEX value_by_name ON value (name, value, resource);
CREATE INDEX value_by_range ON value (name, low, high, resource) WHERE low IS NOT NULL;

-- What resources of charts refer to: whose directory entries belong to a patient's record.
CREATE TABLE mention (
    resource INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    fhir_id  TEXT NOT NULL
) STRICT;
CREATE INDEX mention_of_resource ON mention (resource);
