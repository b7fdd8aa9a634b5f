-- Changes to answers, each with the whole file before and after: being written, waiting for a second person, published.
-- `base` is the digest of the file it starts from ("" for none); `rev` counts what its authors saved.
CREATE TABLE answer_change (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    entry TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('edit', 'undo', 'still', 'owner', 'retire')),
    state TEXT NOT NULL CHECK (state IN ('draft', 'waiting', 'approved', 'published', 'refused', 'dropped')),
    base TEXT NOT NULL,
    before TEXT NOT NULL,
    yaml TEXT NOT NULL,
    rev BIGINT NOT NULL,
    author TEXT NOT NULL,
    approver TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    decided_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX answer_change_entry ON answer_change (entry, seq);
CREATE INDEX answer_change_author ON answer_change (author);

-- One that is not finished, an entry: two authors meet in it instead of overwriting each other.
CREATE UNIQUE INDEX answer_change_open ON answer_change (entry) WHERE state IN ('draft', 'waiting');

INSERT INTO counter (name, n) VALUES ('answer_change', 0);

-- How often an answer was shown, and how it was rated.
CREATE INDEX question_entry ON question (entry, at);

-- Who was asked whether an answer is still right: once for each stage on the way to its review date.
CREATE TABLE review_ask (
    entry TEXT NOT NULL,
    due TEXT NOT NULL,
    stage BIGINT NOT NULL,
    person TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (entry, due, stage, person)
);
CREATE INDEX review_ask_person ON review_ask (person, at);
