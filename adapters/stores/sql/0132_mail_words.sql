-- What reported mails are found by, word by word, as tickets are. `seq` orders them; 0: not indexed yet (mails from before are, within
-- an hour of the upgrade).
ALTER TABLE mail ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mail_seq ON mail (seq, campaign);
CREATE TABLE mail_word (
  word TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (word, seq)
);
CREATE INDEX mail_word_mail ON mail_word (seq);
INSERT INTO counter (name, n) VALUES ('mail', 0);
