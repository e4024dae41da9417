-- What is no envelope has no id: the same bytes about another key are another message.
drop index dead_letters_message;
--> statement-breakpoint
create unique index dead_letters_message on dead_letters (group_name, (case when road = 'outbox' then origin else '' end),
  (case when message_id is null then coalesce(origin_key, '') else '' end), sha256(body));
