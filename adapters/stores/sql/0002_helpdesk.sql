-- Tickets, their timeline, and pages to people on call.
CREATE TABLE counter (name TEXT PRIMARY KEY, n BIGINT NOT NULL);
INSERT INTO counter (name, n) VALUES ('ticket', 100);

CREATE TABLE ticket (
  number TEXT PRIMARY KEY,
  seq BIGINT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  queue TEXT NOT NULL,
  requester TEXT NOT NULL,
  assignee TEXT NOT NULL,
  place TEXT NOT NULL,
  join_key TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  updated_at DOUBLE PRECISION NOT NULL,
  acknowledged_at DOUBLE PRECISION NOT NULL,
  resolved_at DOUBLE PRECISION NOT NULL,
  next_due_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX ticket_open ON ticket (state, next_due_at);
CREATE INDEX ticket_requester ON ticket (requester, created_at);
CREATE INDEX ticket_join ON ticket (join_key, created_at);

CREATE TABLE ticket_event (
  id TEXT PRIMARY KEY,
  ticket TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  visible BIGINT NOT NULL,
  UNIQUE (ticket, seq)
);
CREATE INDEX ticket_event_actor ON ticket_event (actor);

CREATE TABLE page (
  key TEXT PRIMARY KEY,
  ticket TEXT NOT NULL,
  summary TEXT NOT NULL,
  people TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  sent_at DOUBLE PRECISION NOT NULL,
  acknowledged_at DOUBLE PRECISION NOT NULL
);
