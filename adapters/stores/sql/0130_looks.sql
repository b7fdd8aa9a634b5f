-- When somebody is looked at again for tips, unless something happens to them before. Shared by all replicas, and there after a restart.
-- `at`: not before then (UTC epoch seconds); `made_of`: a hash of the lessons and rules it was worked out from, with others it counts for
-- nothing; `touched`: when something last happened, so that a look which began before cannot put it off.
CREATE TABLE nudge_look (
  person TEXT NOT NULL PRIMARY KEY,
  at DOUBLE PRECISION NOT NULL,
  made_of TEXT NOT NULL,
  touched DOUBLE PRECISION NOT NULL
);
