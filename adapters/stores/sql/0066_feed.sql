-- Campaigns are fed by channel, so that a slow platform holds up no other; and one replica at a time sends tips.

-- By which channel somebody was to be reached when the campaign was planned.
ALTER TABLE wave_person ADD COLUMN channel TEXT NOT NULL DEFAULT '';
DROP INDEX wave_person_due;
CREATE INDEX wave_person_feed ON wave_person (wave, state, channel, planned_at);

-- What only one replica does at a time: who, and until when (UTC epoch seconds).
CREATE TABLE lease (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  until DOUBLE PRECISION NOT NULL
);
