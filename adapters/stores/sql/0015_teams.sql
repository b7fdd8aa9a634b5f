-- Teams: where conversations are, who is behind a platform id, which message is which card, and the shared pace of sending.

-- Kept from the first event of a conversation on; `service_url` follows when the platform moves it.
CREATE TABLE teams_conversation (
    id TEXT NOT NULL PRIMARY KEY,
    service_url TEXT NOT NULL,
    tenant TEXT NOT NULL,
    bot TEXT NOT NULL,
    scope TEXT NOT NULL,
    team TEXT NOT NULL DEFAULT '',
    updated_at DOUBLE PRECISION NOT NULL
);

-- `digest` is keyed (tenant and object id), `sealed` holds the profile, `person` is the pseudonym once there is one,
-- `conversation` their personal chat once known. `state` is ok or unreachable, with the platform's reason.
CREATE TABLE teams_user (
    digest TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL DEFAULT '',
    conversation TEXT NOT NULL DEFAULT '',
    sealed {blob} NOT NULL,
    state TEXT NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'unreachable')),
    reason TEXT NOT NULL DEFAULT '',
    checked_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX teams_user_person ON teams_user (person);
CREATE INDEX teams_user_conversation ON teams_user (conversation);

-- The messages of a card that needs several: a sending that is repeated goes on where it stopped.
CREATE TABLE teams_card (
    conversation TEXT NOT NULL,
    activity TEXT NOT NULL,
    key TEXT NOT NULL,
    part BIGINT NOT NULL DEFAULT 0,
    sent_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (conversation, activity)
);
CREATE INDEX teams_card_key ON teams_card (key);
CREATE INDEX teams_card_sent ON teams_card (sent_at);

-- One row a thread and one a tenant: the moments of sending that limits still look at.
CREATE TABLE teams_pace (
    name TEXT NOT NULL PRIMARY KEY,
    turn BIGINT NOT NULL,
    sent TEXT NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);

-- Whose button was pressed: a delivery by the message it became.
CREATE INDEX delivery_ref ON delivery (ref);
