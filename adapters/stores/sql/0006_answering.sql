-- Questions as asked (redacted), what became of them, and how the answer was rated.
CREATE TABLE question (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  text TEXT NOT NULL,
  outcome TEXT NOT NULL,
  entry TEXT NOT NULL,
  confidence DOUBLE PRECISION NOT NULL,
  rating TEXT NOT NULL
);
CREATE INDEX question_at ON question (at);
CREATE INDEX question_person ON question (person, at);
