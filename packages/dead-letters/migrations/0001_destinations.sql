-- What several destinations refused is a letter for each: each has to get it, or is to do without.
drop index dead_letters_message;
--> statement-breakpoint
create unique index dead_letters_message on dead_letters
  (group_name, (case when road = 'outbox' then origin else '' end), sha256(body));
