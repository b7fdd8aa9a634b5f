-- What several people may be in trouble by at once; their tickets belong to one incident (`ticket_link`, kind incident).
ALTER TABLE ticket ADD COLUMN cause TEXT NOT NULL DEFAULT '';
CREATE INDEX ticket_cause ON ticket (cause, created_at);
