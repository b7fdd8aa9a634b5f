-- Where and in which language a question was asked, so that the next one can go on from it; when an author dealt with it.
ALTER TABLE question ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE question ADD COLUMN lang TEXT NOT NULL DEFAULT '';
ALTER TABLE question ADD COLUMN settled_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE question ADD COLUMN settled_by TEXT NOT NULL DEFAULT '';
