-- The queue in its order: priority, then what is due first.
CREATE INDEX ticket_queue ON ticket (priority, next_due_at, seq);
CREATE INDEX ticket_team ON ticket (queue, next_due_at);
CREATE INDEX ticket_entity ON ticket (entity, next_due_at);
CREATE INDEX ticket_view_person ON ticket_view (person);
