-- Statement trigger of every log: create trigger … before insert on <table> for each statement
-- execute function log_pin('<sequence>', <namespace>).
-- Every position that the transaction draws after its pin is above that pin, so a reader that stays at or below the
-- lowest pin can never be overtaken. The lock and the mark end together: at commit, rollback or rollback to a savepoint.
create function log_pin() returns trigger language plpgsql as $$
declare
  mark constant text := 'throughline.log_pin_' || tg_argv[1];
begin
  if current_setting(mark, true) = 'on' then
    return null;
  end if;
  -- A fresh sequence has no last value: whoever pins it at 0 is below all that it will hand out.
  perform pg_advisory_xact_lock_shared(
    (tg_argv[1]::bigint << 48) | coalesce(pg_sequence_last_value(tg_argv[0]::regclass), 0));
  perform set_config(mark, 'on', true);
  return null;
end
$$;
--> statement-breakpoint
-- The pins of a log at this moment. pg_locks splits the 64-bit key into classid (high half) and objid (low half).
create function log_pins(namespace bigint) returns table (pin bigint, pid integer) language sql volatile as $$
  select ((classid::bigint & 65535) << 32) | objid::bigint, pid
  from pg_locks
  where locktype = 'advisory' and mode = 'ShareLock' and granted and objsubid = 1
    and classid::bigint >> 16 = namespace
    and database = (select oid from pg_database where datname = current_database())
$$;
--> statement-breakpoint
-- Up to where a log may be read now. The order of the two reads is what makes it safe: whoever drew a position at or
-- below the end either still shows its pin in the second read, or had ended before it. Rows are to be read afterwards,
-- with a newer snapshot: hence neither a standby, which shows no such locks, nor a transaction with one snapshot for all.
create function log_limit(sequence regclass, namespace bigint) returns bigint language plpgsql volatile as $$
declare
  last bigint;
  lowest bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'A log is read on the primary: a standby does not show who is still writing';
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'A log is read in read committed: an older snapshot would miss rows below the limit';
  end if;
  last := coalesce(pg_sequence_last_value(sequence), 0);
  select min(pin) into lowest from log_pins(namespace);
  return least(last, lowest);
end
$$;
--> statement-breakpoint
create table log_cursors (
  log text not null,
  reader text not null,
  lane smallint not null,
  position bigint not null default 0,
  epoch bigint not null default 0,
  owner text,
  leased_until timestamptz,
  primary key (log, reader, lane)
) with (fillfactor = 50);
