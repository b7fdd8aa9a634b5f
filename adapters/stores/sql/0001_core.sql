-- What every pillar stands on. Times are UTC epoch seconds; JSON is text; person is a pseudonym of `identity`.

-- A platform's event that has had its effect.
CREATE TABLE event (
    key TEXT NOT NULL PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    delivery TEXT NOT NULL DEFAULT ''
);

-- Jobs that a transaction asked for and the engine has not taken yet.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'handed', 'done', 'failed')),
    due_at DOUBLE PRECISION NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_due ON outbox (state, due_at);

-- One row a card that somebody is to get.
CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    place TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    card TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unreachable')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at DOUBLE PRECISION NOT NULL,
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    ref TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    sent_at DOUBLE PRECISION
);
CREATE INDEX delivery_due ON delivery (state, due_at);
CREATE INDEX delivery_person ON delivery (person, created_at);

-- The only way from a person to the pseudonym that every other row uses. `digest` is keyed, `sealed` is encrypted.
CREATE TABLE identity (
    pseudonym TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    sealed {blob} NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);

-- Hash chain. Pseudonyms, keyed digests and short tokens only.
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, seq);

-- The end of the chain: one row, locked by whoever appends.
CREATE TABLE audit_head (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES ('head', 0, '');

-- What was said, in both directions; `card` and `delivery` for what went out, `ticket` where it belongs to one.
CREATE TABLE utterance (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    place TEXT NOT NULL DEFAULT '',
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    text TEXT NOT NULL DEFAULT '',
    card TEXT NOT NULL DEFAULT '',
    delivery TEXT NOT NULL DEFAULT '',
    ticket TEXT NOT NULL DEFAULT '',
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX utterance_person ON utterance (person, at);
CREATE INDEX utterance_ticket ON utterance (ticket, at);

-- The question that is open with a person in a place.
CREATE TABLE dialogue (
    person TEXT NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '{}',
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (person, place)
);

-- Small operational switches, and the check values of the keys.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);

-- Replicas that run jobs, and when each was last heard of.
CREATE TABLE replica (
    id TEXT NOT NULL PRIMARY KEY,
    seen_at DOUBLE PRECISION NOT NULL
);
