-- One row for each message that a group could not handle, or a relay could not publish, whatever broker it was on.
create table dead_letters (
  number bigint generated always as identity primary key,
  -- 'quarantined': sent again three times, and dead again. 'replaced': a corrected message went out in its place.
  state text not null default 'open' check (state in ('open', 'replayed', 'discarded', 'replaced', 'quarantined')),
  -- Who failed: a group, or 'outbox'.
  group_name text not null,
  -- 'kafka', 'sns-sqs', 'rabbitmq', 'memory'; 'outbox' and 'inbox' where it died in this database.
  road text not null,
  -- The topic or queue it was read from; of an outbox, the destination that refused it.
  origin text not null,
  origin_partition integer,
  origin_offset text,
  origin_key text,
  body bytea not null,
  -- Not jsonb, which refuses what a stranger may have put there.
  headers json not null,
  -- From the envelope, where the bytes are one.
  message_id uuid,
  type text,
  version text,
  key text,
  traceparent text,
  correlation_id text,
  error_name text not null,
  error_message text not null,
  -- 8 KiB at most.
  error_stack text not null,
  -- The same for failures that differ in ids and numbers only.
  fingerprint text not null,
  -- Of the last death.
  attempts integer not null,
  replays integer not null default 0,
  -- What tells one death from another, so that a death that is drained twice counts once.
  deaths text[] not null,
  first_failed_at timestamptz not null,
  last_failed_at timestamptz not null,
  drained_at timestamptz not null default now(),
  -- The message that went out in its place.
  replaced_by uuid
);
--> statement-breakpoint
-- The same bytes, dead in the same group, are the same letter.
create unique index dead_letters_message on dead_letters (group_name, sha256(body));
--> statement-breakpoint
create index dead_letters_unsettled on dead_letters (group_name, road) where state in ('open', 'quarantined');
--> statement-breakpoint
create index dead_letters_message_id on dead_letters (message_id);
--> statement-breakpoint
-- Who did what to a letter, and why.
create table dead_letter_actions (
  number bigint generated always as identity primary key,
  letter bigint not null references dead_letters,
  action text not null,
  by_whom text not null,
  at timestamptz not null default clock_timestamp(),
  reason text,
  detail text
);
--> statement-breakpoint
create index dead_letter_actions_letter on dead_letter_actions (letter);
--> statement-breakpoint
-- When somebody was last told of a kind of failure, and until when some process is about to.
create table dead_letter_alerts (
  fingerprint text primary key,
  told_at timestamptz not null default '-infinity',
  claimed_until timestamptz not null
);
