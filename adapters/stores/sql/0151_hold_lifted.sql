-- Why a legal hold was lifted; who and when stand there already.
ALTER TABLE legal_hold ADD COLUMN released_why TEXT NOT NULL DEFAULT '';
