create table reservations (
  order_id text primary key,
  status text not null,
  items jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
--> statement-breakpoint
create table stock (
  sku text primary key,
  on_hand bigint not null check (on_hand >= 0),
  reserved bigint not null check (reserved between 0 and on_hand),
  updated_at timestamptz not null
);
