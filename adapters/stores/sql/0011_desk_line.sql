-- What stands in the threads of the desk's channels: which message is which line of a ticket, and what it says.
CREATE TABLE desk_line (
    ticket TEXT NOT NULL,
    channel TEXT NOT NULL,
    conversation TEXT NOT NULL,
    seq BIGINT NOT NULL,
    address TEXT NOT NULL,
    message TEXT NOT NULL,
    shown TEXT NOT NULL,
    PRIMARY KEY (ticket, channel, conversation, seq)
);

-- Files that belong to a ticket, sealed. `event` is the line of the ticket that they came with.
CREATE TABLE attachment (
    id TEXT NOT NULL PRIMARY KEY,
    ticket TEXT NOT NULL,
    event TEXT NOT NULL,
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size BIGINT NOT NULL,
    body {blob} NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX attachment_ticket ON attachment (ticket);
CREATE INDEX attachment_person ON attachment (person);
