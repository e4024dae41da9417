-- Keys of a consumer whose messages wait in order, because one of them is a dead letter. Only `next_id` may be handled.
create table inbox_parked_keys (
  consumer text not null,
  key text not null,
  next_id uuid not null,
  -- At 'infinity' while `next_id` is a dead letter, until a person sends it again or discards it.
  due_at timestamptz not null default 'infinity',
  attempts integer not null default 0,
  parked_at timestamptz not null default now(),
  primary key (consumer, key)
);
--> statement-breakpoint
create index inbox_parked_keys_due on inbox_parked_keys (consumer, due_at);
--> statement-breakpoint
-- Their messages, acknowledged to the brokers, in order.
create table inbox_parked (
  position bigint generated always as identity primary key,
  consumer text not null,
  key text not null,
  message_id uuid not null,
  -- As it came; null where the message is a dead letter of its broker, whose place in the order this is.
  wire text,
  -- Set where the message came to its turn here, and died.
  attempts integer,
  error_name text,
  error_message text,
  error_stack text,
  died_at timestamptz,
  unique (consumer, message_id)
);
--> statement-breakpoint
create index inbox_parked_order on inbox_parked (consumer, key, position);
--> statement-breakpoint
create index inbox_parked_died on inbox_parked (died_at) where died_at is not null;
--> statement-breakpoint
-- The message has had its effect, or is discarded: the next of its key may pass, or the key waits no more.
create function inbox_pass(the_consumer text, the_key text, the_message uuid) returns void language plpgsql as $$
declare
  head record;
begin
  -- Whoever puts a message of this key aside holds the row until the commit, so none is overlooked below.
  perform from inbox_parked_keys where consumer = the_consumer and key = the_key for update;
  delete from inbox_parked where consumer = the_consumer and message_id = the_message;
  select message_id, wire is not null and died_at is null as is_here into head
  from inbox_parked where consumer = the_consumer and key = the_key order by position limit 1;
  if head.message_id is null then
    delete from inbox_parked_keys where consumer = the_consumer and key = the_key;
  else
    update inbox_parked_keys set next_id = head.message_id, attempts = 0,
      due_at = case when head.is_here then clock_timestamp() else 'infinity' end
    where consumer = the_consumer and key = the_key and next_id <> head.message_id;
  end if;
end
$$;
