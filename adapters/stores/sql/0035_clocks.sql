-- Clocks from the timeline, partners, pauses, tickets for somebody else, priorities, merging, search.
-- `detail`: what a line means to the clocks: a severity, an owner, who is waited for.
ALTER TABLE ticket_event ADD COLUMN detail TEXT NOT NULL DEFAULT '';
UPDATE ticket_event SET detail = text WHERE kind = 'severity';

ALTER TABLE ticket ADD COLUMN next_warn_at DOUBLE PRECISION NOT NULL DEFAULT 9000000000000;
ALTER TABLE ticket ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN waiting TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN entity TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN opener TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN satisfaction TEXT NOT NULL DEFAULT '';
CREATE INDEX ticket_due ON ticket (next_due_at, seq);
CREATE INDEX ticket_trouble ON ticket (severity, next_due_at, seq);
CREATE INDEX ticket_warn ON ticket (next_warn_at);
CREATE INDEX ticket_assignee ON ticket (assignee, next_due_at, seq);
CREATE INDEX ticket_updated ON ticket (state, updated_at);

-- Warnings that went out: one a threshold and round of a clock.
CREATE TABLE ticket_warning (
    ticket TEXT NOT NULL,
    round TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (ticket, round)
);

-- Who sees a ticket besides its requester, and hears of its changes there.
CREATE TABLE ticket_watcher (
    ticket TEXT NOT NULL,
    person TEXT NOT NULL,
    place TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (ticket, person)
);
CREATE INDEX ticket_watcher_person ON ticket_watcher (person);

-- What tickets are found by, word by word (both databases alike).
CREATE TABLE ticket_word (
    word TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (word, seq)
);
CREATE INDEX ticket_word_ticket ON ticket_word (seq);

CREATE TABLE ticket_tag (
    ticket TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (ticket, tag)
);
CREATE INDEX ticket_tag_tag ON ticket_tag (tag, ticket);

-- `kind`: related, duplicate or incident (`a` is the incident that `b` belongs to).
CREATE TABLE ticket_link (
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    kind TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (a, b, kind)
);
CREATE INDEX ticket_link_b ON ticket_link (b);

-- Saved filters. `person` "" means for everybody at the desk.
CREATE TABLE ticket_view (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    filter TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);

-- What a bulk action changed, so that it can be taken back.
CREATE TABLE ticket_bulk (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    what TEXT NOT NULL,
    before TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    undone_at DOUBLE PRECISION NOT NULL
);
