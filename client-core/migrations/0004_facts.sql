-- 0004: what queries read, all of it made from documents: sections, moments, measurements, words of notes, registrations of
-- one person, conflicts that wait.

ALTER TABLE resource ADD COLUMN section TEXT NOT NULL DEFAULT 'other';
-- The first millisecond that `date` can mean.
ALTER TABLE resource ADD COLUMN moment_ms INTEGER;
-- 1 for a medicine that is taken or a task that is open.
ALTER TABLE resource ADD COLUMN current INTEGER NOT NULL DEFAULT 0;
-- By when a task is to be done, as written and as a moment; who has to do it.
ALTER TABLE resource ADD COLUMN due TEXT;
ALTER TABLE resource ADD COLUMN due_ms INTEGER;
ALTER TABLE resource ADD COLUMN owner TEXT;
CREATE INDEX open_task ON resource (due_ms) WHERE section = 'tasks' AND current = 1;

-- Numbers of Observations, each kind in one unit.
CREATE TABLE measurement (
    resource  INTEGER NOT NULL REFERENCES resource (number) ON DELETE CASCADE,
    place     INTEGER NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    value     REAL NOT NULL,
    unit      TEXT NOT NULL,
    shown     TEXT NOT NULL,
    PRIMARY KEY (resource, place)
) STRICT, WITHOUT ROWID;

-- Which Patients say that another replaces them.
CREATE TABLE replacement (
    resource    INTEGER NOT NULL REFERENCES resource (number) ON DELETE CASCADE,
    patient     TEXT NOT NULL,
    replaced_by TEXT NOT NULL,
    PRIMARY KEY (resource, replaced_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX replacement_by_survivor ON replacement (replaced_by);

-- Documents in which something waits for a clinician.
CREATE TABLE inbox (
    document   INTEGER PRIMARY KEY REFERENCES document (number) ON DELETE CASCADE,
    conflicts  INTEGER NOT NULL,
    overridden INTEGER NOT NULL
) STRICT;

-- Rows are those of `resource`.
CREATE VIRTUAL TABLE note_search USING fts5 (
    words, content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO note_search (note_search, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER note_goes_with_its_resource AFTER DELETE ON resource BEGIN
    DELETE FROM note_search WHERE rowid = OLD.number;
END;

-- How the rows above were made. Rows made in another way are made anew when they are next looked at.
CREATE TABLE projection (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    made TEXT NOT NULL
) STRICT;
INSERT INTO projection (id, made) VALUES (1, '');
