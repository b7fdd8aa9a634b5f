-- The reporting mailbox: what was taken out of it, so that every letter has its effect once.

-- A letter by the digest of what its sender sent. `sealed` holds what an answer needs (Message-ID and subject); `way` says what
-- became of it: report, talk, button, left (and `why`).
CREATE TABLE letter (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  sealed {blob} NOT NULL,
  way TEXT NOT NULL,
  why TEXT NOT NULL DEFAULT '',
  at DOUBLE PRECISION NOT NULL
);
CREATE INDEX letter_person ON letter (person, at);

-- Where letters lie: a uid names one mail while the mailbox keeps its validity. `folder` is where it belongs once it was taken.
CREATE TABLE letter_seen (
  mailbox TEXT NOT NULL,
  validity TEXT NOT NULL,
  uid BIGINT NOT NULL,
  folder TEXT NOT NULL DEFAULT '',
  attempts BIGINT NOT NULL DEFAULT 0,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (mailbox, validity, uid)
);

-- One row a mailbox: which replica watches it and until when, and how its last look went.
CREATE TABLE mailbox (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  lease_until DOUBLE PRECISION NOT NULL,
  looked_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  waiting BIGINT NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT ''
);
