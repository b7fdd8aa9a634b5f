-- How the desk did in months and quarters that are over (organisation's time zone), made once and never again. `n` cases in a cell;
-- -1: not shown. `spread` is JSON: how many took how many seconds. No row says who.
CREATE TABLE service_figure (
    period TEXT NOT NULL,
    metric TEXT NOT NULL,
    cell TEXT NOT NULL,
    n BIGINT NOT NULL,
    spread TEXT NOT NULL DEFAULT '{}',
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (period, metric, cell)
);

CREATE INDEX ticket_created ON ticket (created_at);
CREATE INDEX submission_at ON submission (at);
CREATE INDEX page_created ON page (created_at);
