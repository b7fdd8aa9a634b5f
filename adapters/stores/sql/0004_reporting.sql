-- Reported mails (one row for the same bytes) and who reported them.
CREATE TABLE mail (
  sha256 TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  size BIGINT NOT NULL,
  body {blob} NOT NULL,
  ticket TEXT NOT NULL,
  state TEXT NOT NULL,
  kind TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  verdict TEXT NOT NULL,
  facts TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  decided_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX mail_state ON mail (state, created_at);

CREATE TABLE submission (
  id TEXT PRIMARY KEY,
  sha256 TEXT NOT NULL,
  person TEXT NOT NULL,
  place TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  withdrawn BIGINT NOT NULL,
  UNIQUE (sha256, person)
);
CREATE INDEX submission_person ON submission (person, at);
