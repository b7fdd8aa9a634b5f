-- What the desk asks to be done about a reported mail (purge, block), and the second person it needs.

-- `state`: asked, approved (a job does it), done, failed, refused. `target` is sealed: addresses and Message-IDs.
-- `result` is how it went, in words, without addresses.
CREATE TABLE mail_action (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  ticket TEXT NOT NULL,
  target {blob} NOT NULL,
  target_digest TEXT NOT NULL,
  state TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at DOUBLE PRECISION NOT NULL,
  decided_by TEXT NOT NULL DEFAULT '',
  decided_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  done_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  result TEXT NOT NULL DEFAULT ''
);
CREATE INDEX mail_action_ticket ON mail_action (ticket, asked_at);
CREATE INDEX mail_action_state ON mail_action (state, asked_at);
