-- Tickets in another ticket system: how far it has been told of ours, and what both sides last agreed on.
-- `changes`/`settled` and `looks`/`looked` are counters: what is behind has to be sent, or looked at. `trying_seq` is the line
-- whose arrival nobody knows. `status`, `owner` (a keyed digest) and `severity` are what both sides last had. `void_*`: lines up
-- to there lost against the other side. `restate`: fields of ours that have to be said again.
CREATE TABLE tracked (
    tracker TEXT NOT NULL,
    ticket TEXT NOT NULL,
    remote TEXT NOT NULL DEFAULT '',
    done_seq BIGINT NOT NULL DEFAULT 0,
    trying_seq BIGINT NOT NULL DEFAULT 0,
    changes BIGINT NOT NULL DEFAULT 0,
    settled BIGINT NOT NULL DEFAULT 0,
    looks BIGINT NOT NULL DEFAULT 0,
    looked BIGINT NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    severity TEXT NOT NULL DEFAULT '',
    void_status BIGINT NOT NULL DEFAULT 0,
    void_owner BIGINT NOT NULL DEFAULT 0,
    void_severity BIGINT NOT NULL DEFAULT 0,
    restate TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    failing_since DOUBLE PRECISION NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (tracker, ticket)
);
CREATE INDEX tracked_remote ON tracked (tracker, remote);
CREATE INDEX tracked_due ON tracked (tracker, next_at) WHERE changes > settled OR looks > looked;
CREATE INDEX tracked_failing ON tracked (tracker, failing_since) WHERE error <> '';

-- Lines of a timeline that came from there: they are never sent back.
CREATE TABLE tracked_line (
    tracker TEXT NOT NULL,
    ticket TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (tracker, ticket, seq)
);

-- How far a tracker was asked for its news, and what was in the way.
CREATE TABLE tracker_cursor (
    tracker TEXT NOT NULL PRIMARY KEY,
    cursor TEXT NOT NULL DEFAULT '',
    asked_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    failing_since DOUBLE PRECISION NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0
);

-- Tickets that were taken over from an export, by what they were called there.
CREATE TABLE ticket_import (
    source TEXT NOT NULL,
    external TEXT NOT NULL,
    ticket TEXT NOT NULL,
    digest TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (source, external)
);
