-- A record's key may be longer than an entry of an index.
drop index dead_letters_message;
--> statement-breakpoint
create unique index dead_letters_message on dead_letters (group_name, (case when road = 'outbox' then origin else '' end),
  (case when message_id is null then md5(coalesce(origin_key, '')) else '' end), sha256(body));
--> statement-breakpoint
-- Whoever tells of letters asks for those since he asked last, and a transaction may last longer than that.
alter table dead_letters alter column drained_at set default clock_timestamp();
