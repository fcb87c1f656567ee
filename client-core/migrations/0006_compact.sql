-- 0006: histories of long documents in their saved form, search by likeness.

-- The older changes of a document, all in one: the engine's own form, which gives back each of them exactly.
CREATE TABLE saved_history (
    document INTEGER PRIMARY KEY REFERENCES document (number),
    changes  INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

-- The changes that it holds. The order of `place` is causal, and all of them come before those in `change`.
CREATE TABLE saved_change (
    document INTEGER NOT NULL REFERENCES document (number),
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    place    INTEGER NOT NULL,
    PRIMARY KEY (document, hash)
) STRICT, WITHOUT ROWID;

-- The words of every name, evened out in script and spelling: for names that are misspelt. Filled by `store::search`.
CREATE TABLE patient_word (
    word    TEXT NOT NULL,
    patient INTEGER NOT NULL,
    PRIMARY KEY (word, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_word_of ON patient_word (patient);
