-- Answers to lessons, apart from the messages they answer. `who` is a keyed hash of the pseudonym, another one each year; `id` one of
-- the message. Of the time only the month is kept. `age_days`: since this person's first answer to the lesson, 0 for the first.
CREATE TABLE lesson_answer (
  id TEXT NOT NULL PRIMARY KEY,
  who TEXT NOT NULL,
  lesson TEXT NOT NULL,
  version BIGINT NOT NULL,
  choice TEXT NOT NULL,
  correct BIGINT NOT NULL,
  month TEXT NOT NULL,
  age_days BIGINT NOT NULL,
  track TEXT NOT NULL
);
CREATE INDEX lesson_answer_who ON lesson_answer (who);
CREATE INDEX lesson_answer_month ON lesson_answer (month);
