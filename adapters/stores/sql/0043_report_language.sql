-- The language that somebody reported in: what they are told later is told in it. Empty: the one their directory entry says.
ALTER TABLE submission ADD COLUMN lang TEXT NOT NULL DEFAULT '';
