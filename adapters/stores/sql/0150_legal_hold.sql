-- Tickets and runs of procedures of which nothing is deleted, however old, until the hold is released (`released_at` 0: it holds).
CREATE TABLE legal_hold (
    id TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    why TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    released_by TEXT NOT NULL DEFAULT '',
    released_at DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX legal_hold_open ON legal_hold (subject) WHERE released_at = 0;
