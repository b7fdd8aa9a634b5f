-- What a console session is: how it began, what it allows, when it was last used, and how its provider can end it.
ALTER TABLE console_link ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE console_session ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN via TEXT NOT NULL DEFAULT 'link';
ALTER TABLE console_session ADD COLUMN roles TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN seen_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE console_session ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN hint {blob};
UPDATE console_session SET seen_at = created_at;
CREATE INDEX console_session_subject ON console_session (subject);

-- Whom a subject of an OpenID provider is: a keyed digest of issuer and subject, and the person's pseudonym.
CREATE TABLE console_subject (
  subject TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX console_subject_person ON console_subject (person);

-- Logout tokens that were used, until they could not be used any more.
CREATE TABLE console_logout (
  jti TEXT PRIMARY KEY,
  until_at DOUBLE PRECISION NOT NULL
);

-- The access log lists the chain by what was done.
CREATE INDEX audit_action ON audit (action, seq);
