-- Tokens of the HTTP API. `digest` is keyed: the token itself is shown once and never stored. `person` is who it acts as; `scopes`
-- are names of permissions, with spaces between. Times are 0 for "not".
CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    person TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    revoked_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    used_at DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX api_token_person ON api_token (person);

-- Requests that have had their effect, by the Idempotency-Key that came with them: `digest` is of what was asked (keyed), `body` the
-- answer, which names things and says nothing about people. Kept for a day.
CREATE TABLE api_request (
    token TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    body TEXT NOT NULL DEFAULT '',
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (token, key)
);
CREATE INDEX api_request_at ON api_request (at);
