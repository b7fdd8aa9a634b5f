-- Answers that somebody has proposed from a conversation, as the file they become.
CREATE TABLE proposal (
    id TEXT NOT NULL PRIMARY KEY,
    entry TEXT NOT NULL UNIQUE,
    yaml TEXT NOT NULL,
    author TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX proposal_author ON proposal (author);
