-- Runs of procedures. Pseudonyms only; what people wrote is sealed, apart from the rows that hold its hash.

-- The text of each version that a run was started on.
CREATE TABLE procedure_version (
  sha256 TEXT NOT NULL PRIMARY KEY,
  procedure_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  text TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL
);

-- `how`: hand, ticket, emergency, calendar. `once`: what may start one run only ("" for runs started by hand).
-- `state`: running, done, stopped, aborted, missed (its time went by before it was started). `step` is "" once it is over,
-- `step_seq` the row that led there. `holder`: who has it, "" for the desk. `seq` and `head`: the last row and its hash.
-- `missed_at`: when it was found not to be finished in time, and the ticket that was opened about it.
CREATE TABLE procedure_run (
  id TEXT NOT NULL PRIMARY KEY,
  number BIGINT NOT NULL UNIQUE,
  procedure_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  how TEXT NOT NULL,
  once TEXT NOT NULL,
  ticket TEXT NOT NULL,
  started_by TEXT NOT NULL,
  started_at DOUBLE PRECISION NOT NULL,
  due_at DOUBLE PRECISION NOT NULL,
  state TEXT NOT NULL,
  step TEXT NOT NULL,
  step_seq BIGINT NOT NULL,
  step_at DOUBLE PRECISION NOT NULL,
  holder TEXT NOT NULL,
  seq BIGINT NOT NULL,
  head TEXT NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  missed_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  missed_ticket TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX procedure_run_once ON procedure_run (once) WHERE once <> '';
CREATE INDEX procedure_run_state ON procedure_run (state, due_at);
CREATE INDEX procedure_run_ticket ON procedure_run (ticket);
CREATE INDEX procedure_run_procedure ON procedure_run (procedure_id, started_at);

-- The chain of a run (bot/procedures/chain.py says what each column is). Rows are never changed.
CREATE TABLE procedure_record (
  run TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  actor TEXT NOT NULL,
  actor_role TEXT NOT NULL,
  step TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL,
  evidence TEXT NOT NULL,
  evidence_sha256 TEXT NOT NULL,
  note_sha256 TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (run, seq)
);

-- What was written with a row. `part`: evidence or note; `kind`: text or link; `sealed` is JSON with salt and text. Deleting it leaves the
-- chain whole.
CREATE TABLE procedure_text (
  id TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL,
  seq BIGINT NOT NULL,
  part TEXT NOT NULL,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  sealed {blob} NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  UNIQUE (run, seq, part)
);
CREATE INDEX procedure_text_person ON procedure_text (person);

-- The file that is the evidence of a row, sealed. It can be deleted too.
CREATE TABLE procedure_file (
  id TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL,
  seq BIGINT NOT NULL,
  person TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  size BIGINT NOT NULL,
  body {blob} NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  UNIQUE (run, seq)
);
CREATE INDEX procedure_file_person ON procedure_file (person);

CREATE TABLE procedure_follower (
  run TEXT NOT NULL,
  person TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (run, person)
);

-- Procedures that were proposed for a ticket when it was opened (an emergency says of what kind it is, its ticket does not).
CREATE TABLE procedure_offer (
  ticket TEXT NOT NULL,
  procedure_id TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (ticket, procedure_id)
);

-- Since when a procedure's calendar has been in force: nothing before that counts as missed.
CREATE TABLE procedure_calendar (
  procedure_id TEXT NOT NULL PRIMARY KEY,
  since DOUBLE PRECISION NOT NULL
);

INSERT INTO counter (name, n) VALUES ('procedure_run', 0);
