-- A lesson that something brought out of turn may be of use only until a moment (UTC epoch seconds; 0: for as long as it is open).
ALTER TABLE enrolment ADD COLUMN not_after DOUBLE PRECISION NOT NULL DEFAULT 0;

-- Somebody who is warned of a campaign because of their work, and not because they were sent the mail: the role ("": they were).
ALTER TABLE campaign_person ADD COLUMN role TEXT NOT NULL DEFAULT '';
