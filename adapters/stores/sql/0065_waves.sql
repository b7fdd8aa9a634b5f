-- Tips to many at once, what the planner decided and why, and what somebody's work was when we last looked.
-- Times are UTC epoch seconds, people are pseudonyms, lists are JSON.

-- A campaign (one lesson to an audience) or a migration wave. `test`: decisions only, nothing is sent.
CREATE TABLE wave (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('lesson', 'migration')),
  lesson TEXT NOT NULL DEFAULT '',
  title TEXT NOT NULL,
  audience TEXT NOT NULL DEFAULT '{}',
  day TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('planning', 'running', 'paused', 'cancelled', 'done')),
  test INTEGER NOT NULL DEFAULT 0,
  at_once INTEGER NOT NULL DEFAULT 0,
  actor TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX wave_at ON wave (at);

-- One row a person and step: when it goes and why, or why it does not. `item` is the message once it is on its way.
CREATE TABLE wave_person (
  wave TEXT NOT NULL,
  person TEXT NOT NULL,
  step TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('queued', 'out', 'skipped', 'unreachable', 'cancelled')),
  planned_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  rules TEXT NOT NULL DEFAULT '',
  nudge TEXT NOT NULL DEFAULT '',
  delivery TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (wave, person, step)
);
CREATE INDEX wave_person_due ON wave_person (state, planned_at);
CREATE INDEX wave_person_person ON wave_person (person);

-- What the planner decided for somebody, whenever that changed. `outcome`: planned, sent, unreachable, skipped, none, test.
CREATE TABLE nudge_decision (
  person TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  lesson TEXT NOT NULL,
  kind TEXT NOT NULL,
  planned_at DOUBLE PRECISION NOT NULL,
  reason TEXT NOT NULL,
  rules TEXT NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (person, at)
);
CREATE INDEX nudge_decision_at ON nudge_decision (at);

-- The roles somebody had when we last looked: a change brings the lesson that goes with the new work.
CREATE TABLE learner_role (
  person TEXT NOT NULL PRIMARY KEY,
  roles TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL
);

CREATE INDEX outbox_kind ON outbox (kind, state, due_at);
