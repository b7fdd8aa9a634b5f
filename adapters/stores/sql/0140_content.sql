-- The organisation's own content, so that every replica has it: the file as it is now, and every version it had.
-- `sealed` is the whole file; `gone`: it was taken away. `sha` is the SHA-256 of the plain bytes ("" when gone).
CREATE TABLE content_file (
    path TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    sha TEXT NOT NULL,
    gone BIGINT NOT NULL,
    sealed {blob} NOT NULL
);
CREATE INDEX content_file_version ON content_file (version);

-- `base` is the version it was made from. `aside`: another one was first, so this one never came into use and waits for somebody.
-- Files that hold people keep no older versions: `sealed` is empty then.
CREATE TABLE content_version (
    version BIGINT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    base BIGINT NOT NULL,
    sha TEXT NOT NULL,
    gone BIGINT NOT NULL,
    aside BIGINT NOT NULL,
    who TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    sealed {blob} NOT NULL
);
CREATE INDEX content_version_path ON content_version (path, sha);

INSERT INTO counter (name, n) VALUES ('content', 0);
