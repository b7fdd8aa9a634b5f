-- Somebody said of a tip that it is of no use to them: 1. How many do is a guardrail of the measurement.
ALTER TABLE nudge ADD COLUMN useless BIGINT NOT NULL DEFAULT 0;
