-- Which relays run, so that they share the lanes of a destination.
create table outbox_relays (
  destination text not null,
  owner text not null,
  seen_until timestamptz not null,
  primary key (destination, owner)
);
