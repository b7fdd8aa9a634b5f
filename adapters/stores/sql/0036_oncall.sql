-- How each call went, over every route; duty that was handed over; what a call turned out to be.
ALTER TABLE page ADD COLUMN acknowledged_by TEXT NOT NULL DEFAULT '';
ALTER TABLE page ADD COLUMN outcome TEXT NOT NULL DEFAULT '';

CREATE TABLE page_try (
    page TEXT NOT NULL,
    seq BIGINT NOT NULL,
    who TEXT NOT NULL,
    pager TEXT NOT NULL,
    error TEXT NOT NULL,
    rings BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (page, seq)
);

-- `who` and `by_person` are pseudonyms.
CREATE TABLE duty (
    id TEXT NOT NULL PRIMARY KEY,
    who TEXT NOT NULL,
    by_person TEXT NOT NULL,
    start_at DOUBLE PRECISION NOT NULL,
    end_at DOUBLE PRECISION NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX duty_end ON duty (end_at);
CREATE INDEX page_ticket ON page (ticket, created_at);
