-- From when on a key is counted, so that it can be told whether messages of it that are gone were dropped with their
-- partition. Of keys from before this column it is not known.
alter table outbox_sequences add column begun_at timestamptz;
--> statement-breakpoint
alter table outbox_sequences alter column begun_at set default now();
