-- What each consumer has handled. The day is that of the message, not of its handling: every duplicate has the same one,
-- so that all of them meet in one partition, where the primary key lets only one in.
create table processed_messages (
  consumer text not null,
  message_id uuid not null,
  message_day date not null,
  handled_at timestamptz not null default now(),
  primary key (consumer, message_id, message_day)
) partition by range (message_day);
--> statement-breakpoint
-- For days that have no partition: a clock far ahead, or a service that stood still for longer than partitions are made
-- ahead. Slower to clean, never wrong.
create table processed_messages_default partition of processed_messages default;
--> statement-breakpoint
-- Makes the partitions from the oldest day kept to the last day ahead, and drops those of older days. Any number of
-- processes may call it at once. Gives up, to be called again, when some transaction holds the table for too long.
create function maintain_processed_messages(oldest date, newest date) returns void language plpgsql
set lock_timeout = '10s' as $$
declare
  missing date[];
  missing_day date;
  old_partition text;
begin
  perform pg_advisory_xact_lock(hashtext('throughline.processed_messages'));

  select array_agg(day::date) into missing from generate_series(oldest, newest, interval '1 day') as day
  where to_regclass('processed_messages_' || to_char(day, 'YYYYMMDD')) is null;
  if missing is not null then
    -- Nothing may enter the default partition while it is asked which days it holds: those stay there.
    lock table processed_messages_default in access exclusive mode;
    foreach missing_day in array missing loop
      continue when exists (select from processed_messages_default where message_day = missing_day);
      execute format('create table %I (like processed_messages including all)',
        'processed_messages_' || to_char(missing_day, 'YYYYMMDD'));
      execute format('alter table processed_messages attach partition %I for values from (%L) to (%L)',
        'processed_messages_' || to_char(missing_day, 'YYYYMMDD'), missing_day, missing_day + 1);
    end loop;
  end if;

  for old_partition in
    select inhrelid::regclass::text from pg_inherits
    where inhparent = 'processed_messages'::regclass
      and inhrelid::regclass::text ~ '^processed_messages_[0-9]{8}$'
      and inhrelid::regclass::text < 'processed_messages_' || to_char(oldest, 'YYYYMMDD')
  loop
    execute format('drop table %s', old_partition);
  end loop;
  delete from processed_messages_default where message_day < oldest;
end
$$;
