-- The outbox is a log (see @throughline/log): rows are inserted, read through cursors, and dropped with their partition.
create sequence outbox_position_seq as bigint cache 1;
--> statement-breakpoint
create table outbox (
  position bigint not null default nextval('outbox_position_seq') primary key,
  created_at timestamptz not null default now(),
  -- Lanes are taken from it, so that messages of one key stay in one lane.
  slot smallint not null generated always as ((hashtext(key) & 255)::smallint) stored,
  key text not null,
  type text not null,
  id text not null,
  version text not null,
  "timestamp" text not null,
  source text not null,
  sequence bigint not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  -- The exact text that goes on the wire.
  wire text not null
) partition by range (position);
--> statement-breakpoint
create trigger outbox_pin before insert on outbox
  for each statement execute function log_pin('outbox_position_seq', 21587);
--> statement-breakpoint
create table outbox_p1 partition of outbox for values from (1) to (1000001);
--> statement-breakpoint
-- Catches what is written when no relay has made a partition in time.
create table outbox_default partition of outbox default;
--> statement-breakpoint
-- The last sequence of each key. Its row lock makes the messages of a key commit in the order of their sequence.
create table outbox_sequences (
  source text not null,
  key text not null,
  sequence bigint not null,
  primary key (source, key)
) with (fillfactor = 80);
--> statement-breakpoint
-- Keys whose next message a destination has refused. At 'infinity' a key waits for a person.
create table outbox_parked_keys (
  destination text not null,
  key text not null,
  slot smallint not null,
  attempts integer not null,
  retry_at timestamptz not null,
  error text,
  parked_at timestamptz not null default now(),
  primary key (destination, key)
);
--> statement-breakpoint
create index outbox_parked_keys_due on outbox_parked_keys (destination, retry_at);
--> statement-breakpoint
-- The messages of those keys, in order. Copies, with the columns of outbox behind the destination.
create table outbox_parked (destination text not null, like outbox, primary key (destination, key, position));
--> statement-breakpoint
create table outbox_dead (
  destination text not null,
  like outbox,
  attempts integer not null,
  error text not null,
  died_at timestamptz not null default now(),
  primary key (destination, position)
);
