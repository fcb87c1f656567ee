-- 0008: runs. The older changes of a long document stand packed, many in a row; the newest stand in change_log as before.

-- How many of a document's changes stand in change_log, and the position of the newest that stands in a run (0: none does).
ALTER TABLE document ADD COLUMN loose INTEGER NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN packed_to INTEGER NOT NULL DEFAULT 0;
UPDATE document SET loose = (SELECT count(*) FROM change_log WHERE change_log.document = document.number);
-- Few documents are ever in it, so appending costs nothing for the others.
CREATE INDEX document_crowded ON document (loose) WHERE loose >= 256;

CREATE TABLE change_run (
    number           INTEGER PRIMARY KEY,
    document         INTEGER NOT NULL REFERENCES document (number),
    first_position   INTEGER NOT NULL,
    last_position    INTEGER NOT NULL,
    changes          INTEGER NOT NULL,
    last_received_ms INTEGER NOT NULL, -- the latest of any of its changes
    facts            BLOB NOT NULL, -- of each change besides its bytes; zstd
    body             BLOB NOT NULL -- the changes, one after another; zstd
) STRICT;
CREATE UNIQUE INDEX change_run_of_document ON change_run (document, last_position);

-- Devices that uploaded changes which stand in runs.
CREATE TABLE run_origin (
    number INTEGER PRIMARY KEY,
    device BLOB NOT NULL UNIQUE
) STRICT;

-- Every position of the log that stands in a run.
CREATE TABLE run_position (
    position INTEGER PRIMARY KEY,
    document INTEGER NOT NULL,
    origin   INTEGER NOT NULL REFERENCES run_origin (number)
) STRICT;

-- The changes that stand in runs, by hash.
CREATE TABLE run_change (
    document INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    position INTEGER NOT NULL,
    max_op   INTEGER NOT NULL,
    PRIMARY KEY (document, hash)
) STRICT, WITHOUT ROWID;

-- The highest sequence number of each actor that stands in a run.
CREATE TABLE run_actor (
    document INTEGER NOT NULL,
    actor    BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (document, actor)
) STRICT, WITHOUT ROWID;
