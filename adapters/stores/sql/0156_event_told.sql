-- When the platform says that it happened; 0 where it says nothing. Never later than our own clock said when it came.
ALTER TABLE event ADD COLUMN told_at DOUBLE PRECISION NOT NULL DEFAULT 0;
CREATE INDEX event_told ON event (told_at);
