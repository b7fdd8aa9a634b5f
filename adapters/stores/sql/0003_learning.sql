-- Nudges: what was sent and answered, what is remembered, and what people wish. `person` is a pseudonym.

-- One row a message. `due` is the local day it was meant for: nobody gets two in a day, and a plan that runs twice sends once.
-- `later`: the local day they asked to have it on. `correct`: -1 until answered.
CREATE TABLE nudge (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  due TEXT NOT NULL,
  lesson TEXT NOT NULL,
  version BIGINT NOT NULL,
  language TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('scheduled', 'triggered', 'requested', 'reminder')),
  reason TEXT NOT NULL,
  rules TEXT NOT NULL,
  facts TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  delivery TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('sent', 'later', 'answered', 'closed')),
  choice TEXT NOT NULL,
  correct BIGINT NOT NULL,
  later TEXT NOT NULL,
  lessened BIGINT NOT NULL,
  reacted_at DOUBLE PRECISION NOT NULL,
  answered_at DOUBLE PRECISION NOT NULL,
  UNIQUE (person, due)
);
CREATE INDEX nudge_person ON nudge (person, at);
CREATE INDEX nudge_at ON nudge (at);

-- The question as it was asked, by version: an answer counts as it was asked, even after an edit or retirement.
CREATE TABLE lesson_question (
  lesson TEXT NOT NULL,
  version BIGINT NOT NULL,
  question TEXT NOT NULL,
  PRIMARY KEY (lesson, version)
);

-- Spaced repetition of one person and one lesson. `state` belongs to the scheduler.
CREATE TABLE memory (
  person TEXT NOT NULL,
  lesson TEXT NOT NULL,
  version BIGINT NOT NULL,
  due DOUBLE PRECISION NOT NULL,
  state TEXT NOT NULL,
  reviews BIGINT NOT NULL,
  rights BIGINT NOT NULL,
  first_at DOUBLE PRECISION NOT NULL,
  reviewed_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (person, lesson)
);

-- `rate` 1 is the organisation's pace, halved by every "less often".
CREATE TABLE preference (
  person TEXT NOT NULL PRIMARY KEY,
  rate DOUBLE PRECISION NOT NULL,
  stopped BIGINT NOT NULL,
  changed_at DOUBLE PRECISION NOT NULL
);

-- No nudges to somebody who is in an incident.
CREATE TABLE nudge_hold (
  person TEXT NOT NULL PRIMARY KEY,
  until DOUBLE PRECISION NOT NULL
);

-- Lessons that something brought out of turn. `sent_at` 0: still open.
CREATE TABLE enrolment (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  lesson TEXT NOT NULL,
  topic TEXT NOT NULL,
  reason TEXT NOT NULL,
  not_before DOUBLE PRECISION NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  sent_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX enrolment_person ON enrolment (person, at);

-- What somebody asked about, by topic, for 30 days.
CREATE TABLE topic_asked (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  topic TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL
);
CREATE INDEX topic_asked_person ON topic_asked (person, topic, at);
