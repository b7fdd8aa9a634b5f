-- What the desk did about somebody's account in an emergency: sessions closed, sign-in blocked or allowed again.

-- `person` is the pseudonym whose account it is. `state`: asked (a second person is needed), approved (a job does it), done,
-- failed, refused. `dry` is 1 where only a dry run was done.
CREATE TABLE containment (
  id TEXT NOT NULL PRIMARY KEY,
  ticket TEXT NOT NULL,
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at DOUBLE PRECISION NOT NULL,
  decided_by TEXT NOT NULL DEFAULT '',
  decided_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  done_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  result TEXT NOT NULL DEFAULT '',
  dry BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX containment_ticket ON containment (ticket, asked_at);
CREATE INDEX containment_person ON containment (person, asked_at);
