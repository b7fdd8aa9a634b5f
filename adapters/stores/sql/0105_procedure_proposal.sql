-- What somebody found slow or wrong in a procedure after a run, and what its owner decided.
-- `state`: open, accepted, declined. `why` is the owner's.
CREATE TABLE procedure_proposal (
  id TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL,
  procedure_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  step TEXT NOT NULL,
  text TEXT NOT NULL,
  author TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  state TEXT NOT NULL DEFAULT 'open',
  decided_by TEXT NOT NULL DEFAULT '',
  decided_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX procedure_proposal_procedure ON procedure_proposal (procedure_id, at);
CREATE INDEX procedure_proposal_author ON procedure_proposal (author);
