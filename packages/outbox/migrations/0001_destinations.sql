-- Who was ever given messages of the outbox, and which: what a command cannot learn from the cursors.
create table outbox_destinations (
  destination text primary key,
  -- Null where it gets all.
  types text[]
);
