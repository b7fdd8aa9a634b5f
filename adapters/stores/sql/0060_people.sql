-- What sources outside of people.yaml say of people and groups, and the decisions on likely targets.

-- One row an entry of a source (csv, scim, slack, desk). `sealed` holds what it says; `name`, `mail` and `outside` are keyed
-- digests to look it up by. `gone`: deleted at the source, kept so that no other source brings the person back.
-- `seq` is the change after which the row reads like this.
CREATE TABLE roster (
    source TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group')),
    id TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    mail TEXT NOT NULL DEFAULT '',
    outside TEXT NOT NULL DEFAULT '',
    gone BIGINT NOT NULL DEFAULT 0,
    sealed {blob} NOT NULL,
    version BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (source, kind, id)
);
CREATE INDEX roster_name ON roster (name);
CREATE INDEX roster_mail ON roster (mail);
CREATE INDEX roster_outside ON roster (outside);
CREATE INDEX roster_seq ON roster (seq);
CREATE INDEX roster_made ON roster (source, kind, created_at, id);

-- Who is in a group of a source, by the source's ids.
CREATE TABLE roster_member (
    source TEXT NOT NULL,
    team TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (source, team, member)
);
CREATE INDEX roster_member_of ON roster_member (source, member);

-- The newest change, one row: whoever writes the roster locks it, so that changes are seen in their order.
CREATE TABLE roster_head (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);
INSERT INTO roster_head (id, seq) VALUES ('head', 0);

-- People proposed as likely targets. `reasons` is JSON: what spoke for it, with the codes of the words. A person decides.
CREATE TABLE target (
    person TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'declined')),
    reasons TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX target_state ON target (state, at);
