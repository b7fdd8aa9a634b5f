-- Partners: monthly reports as they were issued, reviews, actions, the pulse, disputes.

-- `body` is the JSON that `sha256` is of: figures, pseudonyms and ticket numbers, no words of anybody.
CREATE TABLE partner_report (
    partner TEXT NOT NULL,
    month TEXT NOT NULL,
    body TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    issued_at DOUBLE PRECISION NOT NULL,
    issued_by TEXT NOT NULL,
    unreached TEXT NOT NULL,
    PRIMARY KEY (partner, month)
);

-- `day` is the planned one (2026-12-15); `held_at` 0 until it was held.
CREATE TABLE partner_review (
    partner TEXT NOT NULL,
    day TEXT NOT NULL,
    minutes TEXT NOT NULL,
    held_at DOUBLE PRECISION NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (partner, day)
);

-- `state`: open, done (its owner says so), verified (somebody else has looked), dropped. `owner` is a pseudonym; somebody of the
-- partner has only a name. `chased` is the week in which its owner was last asked.
CREATE TABLE partner_action (
    id TEXT NOT NULL PRIMARY KEY,
    partner TEXT NOT NULL,
    what TEXT NOT NULL,
    origin TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    due TEXT NOT NULL,
    state TEXT NOT NULL,
    evidence TEXT NOT NULL,
    done_by TEXT NOT NULL,
    done_at DOUBLE PRECISION NOT NULL,
    verified_by TEXT NOT NULL,
    verified_at DOUBLE PRECISION NOT NULL,
    created_by TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX partner_action_state ON partner_action (partner, state, due);

-- `code` is a keyed digest of the person for this quarter alone. `marks` are five digits.
CREATE TABLE partner_pulse (
    partner TEXT NOT NULL,
    quarter TEXT NOT NULL,
    code TEXT NOT NULL,
    marks TEXT NOT NULL,
    words TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (partner, quarter, code)
);

-- `state`: open or closed. `step` is one of the contract as it was at the opening; `step_since` when it began. `seq` and `head`
-- are the end of its record.
CREATE TABLE partner_dispute (
    id TEXT NOT NULL PRIMARY KEY,
    partner TEXT NOT NULL,
    ticket TEXT NOT NULL,
    breach TEXT NOT NULL,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    step_since DOUBLE PRECISION NOT NULL,
    opened_by TEXT NOT NULL,
    opened_at DOUBLE PRECISION NOT NULL,
    closed_at DOUBLE PRECISION NOT NULL,
    seq BIGINT NOT NULL,
    head TEXT NOT NULL
);
CREATE UNIQUE INDEX partner_dispute_open ON partner_dispute (ticket, breach) WHERE state = 'open';
CREATE INDEX partner_dispute_partner ON partner_dispute (partner, opened_at);

-- The record of a dispute: rows are only ever added, each holds the hash of the one before. `detail` is JSON without words of anybody.
CREATE TABLE partner_record (
    dispute TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (dispute, seq)
);

-- Words that belong to a row, by their name in its detail, which holds sha256(salt + words). They can be taken out, the hash stays.
CREATE TABLE partner_record_text (
    dispute TEXT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    author TEXT NOT NULL,
    salt TEXT NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY (dispute, seq, name)
);
INSERT INTO counter (name, n) VALUES ('partner_action', 0);
INSERT INTO counter (name, n) VALUES ('dispute', 0);
