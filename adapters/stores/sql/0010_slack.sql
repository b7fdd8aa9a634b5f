-- Slack: installations, who is behind a platform id, what was sent in several messages, and the shared pace of calls.

-- One row a workspace, or one for a whole Enterprise Grid organisation. `sealed` holds the tokens.
CREATE TABLE slack_install (
    id TEXT NOT NULL PRIMARY KEY,
    team TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    sealed {blob} NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);

-- An installation that somebody has begun, until they come back from Slack. `state` is a keyed digest.
CREATE TABLE slack_state (
    state TEXT NOT NULL PRIMARY KEY,
    expires_at DOUBLE PRECISION NOT NULL
);

-- `digest` is keyed (installation and user id), `sealed` holds the profile, `person` is the pseudonym once there is one.
CREATE TABLE slack_user (
    digest TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL DEFAULT '',
    sealed {blob} NOT NULL,
    checked_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX slack_user_person ON slack_user (person);

-- Messages of a card that needed several, and replies that take the place of an earlier one (`part` -1).
CREATE TABLE slack_part (
    key TEXT NOT NULL,
    part BIGINT NOT NULL,
    conversation TEXT NOT NULL,
    message TEXT NOT NULL,
    sent_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (key, part)
);
CREATE INDEX slack_part_sent ON slack_part (sent_at);

-- One row a workspace and method, and one a channel: when the next call is due, and until when nobody may call at all.
CREATE TABLE slack_pace (
    name TEXT NOT NULL PRIMARY KEY,
    due DOUBLE PRECISION NOT NULL,
    paused_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    turn BIGINT NOT NULL DEFAULT 0,
    updated_at DOUBLE PRECISION NOT NULL
);
