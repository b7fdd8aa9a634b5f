-- Cases by when they were first reported, to turn pages.
CREATE INDEX campaign_reported ON campaign (reported_at, id);
