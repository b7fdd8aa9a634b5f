-- Tickets that a partner has had: their figures are made of these alone.
CREATE INDEX ticket_event_handed ON ticket_event (detail, ticket) WHERE kind = 'handed';
