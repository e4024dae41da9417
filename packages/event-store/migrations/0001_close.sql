-- When the stream was closed: its history stays, and nothing is appended to it any more.
alter table streams add column closed_at timestamptz;
--> statement-breakpoint
-- The stream row is locked and tested first, then positions are drawn: a writer that waits, or is refused, holds no
-- reader back. Each statement in here sees what committed while the one before it waited; a single statement would not.
create or replace function append_to_stream(
  into_stream text,
  of_type text,
  expected text,
  new_events jsonb,
  new_metadata jsonb,
  new_snapshot jsonb,
  of_state_version integer
) returns table (outcome text, version integer, "position" bigint, recorded_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
  added integer := jsonb_array_length(new_events);
  new_version integer := added;
  current integer := 0;
  is_closed boolean;
begin
  if expected in ('any', 'no-stream', '0') then
    insert into streams (stream_id, type, version, snapshot, snapshot_version, state_version)
    values (into_stream, of_type, added, new_snapshot, case when new_snapshot is not null then added end, of_state_version)
    on conflict do nothing;
  end if;
  if expected not in ('any', 'no-stream', '0') or not found then
    select version, closed_at is not null into current, is_closed
    from streams where stream_id = into_stream for update;
    return query
      select 'repeated', version, position, recorded_at from events where event_id = (new_events -> 0 ->> 'id')::uuid;
    if found then return; end if;
    if is_closed then
      return query select 'closed', current, null::bigint, null::timestamptz;
      return;
    end if;
    if current is null or not (expected in ('any', 'stream-exists') or expected = current::text) then
      return query select 'refused', coalesce(current, 0), null::bigint, null::timestamptz;
      return;
    end if;
    new_version := current + added;
    update streams set
      version = new_version,
      snapshot = coalesce(new_snapshot, snapshot),
      snapshot_version = case when new_snapshot is null then snapshot_version else new_version end,
      state_version = case when new_snapshot is null then state_version else of_state_version end
    where stream_id = into_stream;
  end if;
  return query
    with appended as (
      insert into events (stream_id, version, event_id, type, schema_version, data, metadata)
      select into_stream, current + number, (event ->> 'id')::uuid, event ->> 'type', (event ->> 'schemaVersion')::integer,
        event -> 'data', new_metadata
      from jsonb_array_elements(new_events) with ordinality as given (event, number)
      order by number
      returning version, position, recorded_at
    )
    select 'appended', version, position, recorded_at from appended order by version;
end
$$;
