-- Campaigns: near-duplicate mails are one case with one ticket and one verdict.

-- `own_kind`: what the engine said of this mail alone. `leads`: content, link places and files it is compared by (JSON).
-- `clues`: what gave this mail away (JSON). `again`: how often it was reported anew after it had been taken back.
ALTER TABLE mail ADD COLUMN campaign TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN own_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN leads TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN clues TEXT NOT NULL DEFAULT '[]';
ALTER TABLE mail ADD COLUMN delivered_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE mail ADD COLUMN again BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mail_campaign ON mail (campaign, created_at);
CREATE INDEX mail_ticket ON mail (ticket);

-- `behalf`: whose mail it was, if not the reporter's own. `told`: how often this reporter was given a verdict.
ALTER TABLE submission ADD COLUMN behalf TEXT NOT NULL DEFAULT '';
ALTER TABLE submission ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
CREATE INDEX submission_mail ON submission (sha256, at);
CREATE INDEX submission_behalf ON submission (behalf);

-- `kind` is the verdict of the case ("" until there is one), `cleared` the mails that a person found harmless (JSON).
-- Times are 0 for "not" or "not known". `reports` counts submissions.
CREATE TABLE campaign (
  id TEXT NOT NULL PRIMARY KEY,
  ticket TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT '',
  decided_by TEXT NOT NULL DEFAULT '',
  decided_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  cleared TEXT NOT NULL DEFAULT '{}',
  reports BIGINT NOT NULL DEFAULT 0,
  delivered_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  reported_at DOUBLE PRECISION NOT NULL,
  last_at DOUBLE PRECISION NOT NULL,
  declared_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  closed_at DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX campaign_ticket ON campaign (ticket);
CREATE INDEX campaign_last ON campaign (last_at);

-- Mails that stand for their campaign, and the bands under which they are found.
CREATE TABLE campaign_sample (
  mail TEXT NOT NULL PRIMARY KEY,
  campaign TEXT NOT NULL,
  pieces TEXT NOT NULL
);
CREATE INDEX campaign_sample_campaign ON campaign_sample (campaign);
CREATE TABLE campaign_band (
  band TEXT NOT NULL,
  mail TEXT NOT NULL,
  PRIMARY KEY (band, mail)
);
CREATE INDEX campaign_band_mail ON campaign_band (mail);

-- What cases have in common without being one: a link's domain, an attachment, a sender (keyed digest).
CREATE TABLE campaign_trait (
  trait TEXT NOT NULL,
  campaign TEXT NOT NULL,
  PRIMARY KEY (trait, campaign)
);
CREATE INDEX campaign_trait_campaign ON campaign_trait (campaign);

-- People of ours who were sent it, and when they were warned.
CREATE TABLE campaign_person (
  campaign TEXT NOT NULL,
  person TEXT NOT NULL,
  alerted_at DOUBLE PRECISION NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign, person)
);
CREATE INDEX campaign_person_alerted ON campaign_person (person, alerted_at);

-- The lock under which mails are filed, so that two of the same campaign cannot miss each other.
INSERT INTO counter (name, n) VALUES ('campaign', 0);

-- Mails from before are cases of their own.
INSERT INTO campaign (id, ticket, kind, decided_by, decided_at, reports, reported_at, last_at)
SELECT sha256, ticket, kind, decided_by, decided_at,
       (SELECT COUNT(*) FROM submission WHERE submission.sha256 = mail.sha256), created_at, created_at FROM mail;
UPDATE mail SET campaign = sha256, own_kind = kind;
