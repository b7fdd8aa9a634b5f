-- Messages that a platform did not take and that wait for another try: what waits longest goes first when it takes them again.
CREATE INDEX delivery_waiting ON delivery (channel, created_at) WHERE state = 'queued' AND attempts > 0;
-- Tries that used up one of the few there are: not those that the platform only asked to wait.
ALTER TABLE delivery ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
