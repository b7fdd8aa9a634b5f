-- Who attended which section of a course, and when: a record that has to be shown, so it is kept apart from answers, and holds none.
-- `person` is a pseudonym, `day` the UTC day of `at`: a section that is gone through twice in a day is one row.
CREATE TABLE attendance (
  person TEXT NOT NULL,
  course TEXT NOT NULL,
  lesson TEXT NOT NULL,
  version BIGINT NOT NULL,
  day TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (person, course, lesson, day)
);
CREATE INDEX attendance_at ON attendance (at);
