-- Replies and verdicts that wait for some seconds and can be taken back (`back` 1: that were, or could not be made).
CREATE TABLE unsent (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    ticket TEXT NOT NULL,
    person TEXT NOT NULL,
    fields TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    due_at DOUBLE PRECISION NOT NULL,
    back INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX unsent_ticket ON unsent (ticket, at);
