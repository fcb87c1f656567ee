-- 0005: documents laid ready on devices, sealed, for emergencies without a network.

-- X25519 public key that documents are sealed to.
CREATE TABLE sealing_key (
    device BLOB PRIMARY KEY,
    key    BLOB NOT NULL CHECK (length(key) = 32)
) STRICT, WITHOUT ROWID;

-- A row stands from the moment that a sealed document is sent until the device is known not to have it sealed any more.
CREATE TABLE staged (
    device       BLOB NOT NULL,
    document     INTEGER NOT NULL REFERENCES document (number),
    position     INTEGER NOT NULL, -- everything up to here is in it
    at_ms        INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL, -- 1 when the device has said that it is on its disk
    PRIMARY KEY (device, document)
) STRICT, WITHOUT ROWID;
