-- Figures of finished periods, as they may be shown: made once, when a period is over, and never again, so that nobody can tell from two
-- looks who came, went, or was forgotten between them. `n` -1: not shown; -2: not known.
CREATE TABLE measure (
  period TEXT NOT NULL,
  metric TEXT NOT NULL,
  cell TEXT NOT NULL,
  n BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (period, metric, cell)
);

-- How many people clicked in a case, besides those who told us, as a gateway counted them. A number, no names. `by_person`: who noted it.
CREATE TABLE click_found (
  ticket TEXT NOT NULL PRIMARY KEY,
  n BIGINT NOT NULL,
  by_person TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL
);
CREATE INDEX click_found_at ON click_found (at);
