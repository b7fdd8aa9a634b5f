-- The desk's own channels: which message is the card of which ticket, what it shows, and how far its thread is.
CREATE TABLE desk_card (
    ticket TEXT NOT NULL,
    channel TEXT NOT NULL,
    conversation TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    shown TEXT NOT NULL DEFAULT '',
    relayed BIGINT NOT NULL DEFAULT 0,
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    PRIMARY KEY (ticket, channel, conversation)
);

-- Every thread a ticket has had: a card that was gone and posted again has a new one, and the old one still counts.
CREATE TABLE desk_thread (
    channel TEXT NOT NULL,
    conversation TEXT NOT NULL,
    message TEXT NOT NULL,
    ticket TEXT NOT NULL,
    PRIMARY KEY (channel, conversation, message)
);
