-- Who sent a destination back, or gave it up.
create table outbox_actions (
  number bigint generated always as identity primary key,
  action text not null check (action in ('replayed', 'forgotten')),
  destination text not null,
  -- What exactly: from which position, how many waited.
  detail text not null,
  by_whom text not null,
  at timestamptz not null default clock_timestamp()
);
