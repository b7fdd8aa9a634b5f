-- The web chat's own conversations: what the browser shows of what Secdesk said.
CREATE TABLE web_conversation (
  id TEXT PRIMARY KEY,
  stamp BIGINT NOT NULL
);

CREATE TABLE web_post (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  conversation TEXT NOT NULL,
  seq BIGINT NOT NULL,
  stamp BIGINT NOT NULL,
  card TEXT NOT NULL,
  chosen TEXT NOT NULL DEFAULT '',
  at DOUBLE PRECISION NOT NULL,
  UNIQUE (conversation, seq)
);

-- One-time links into the console, and who is signed in. Both hold keyed digests of what the browser has.
CREATE TABLE console_link (
  digest TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  used_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE console_session (
  digest TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX console_session_person ON console_session (person);

-- The console lists reported mails by age, whatever their state.
CREATE INDEX mail_created ON mail (created_at);
