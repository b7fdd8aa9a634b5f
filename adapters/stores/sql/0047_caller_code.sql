-- Short-lived codes by which people and the help desk know each other on the phone.

-- `kind`: desk (somebody asks whether a caller is from the desk) or person (the desk asks whether a caller is who they say).
-- `person` and `analyst` are pseudonyms; `code` is sealed. `state`: open, used, wrong, denied, replaced.
CREATE TABLE caller_code (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  analyst TEXT NOT NULL DEFAULT '',
  ticket TEXT NOT NULL DEFAULT '',
  code {blob} NOT NULL,
  state TEXT NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  created_at DOUBLE PRECISION NOT NULL,
  until_at DOUBLE PRECISION NOT NULL,
  shown_at DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX caller_code_person ON caller_code (person, created_at);
CREATE INDEX caller_code_analyst ON caller_code (analyst, created_at);
CREATE INDEX caller_code_state ON caller_code (state, until_at);
