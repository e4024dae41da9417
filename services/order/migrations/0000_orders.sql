create table orders (
  order_id text primary key,
  customer_id text not null,
  status text not null,
  reason text,
  payment text not null,
  stock text not null,
  currency text not null,
  total_in_cents bigint not null,
  express boolean not null,
  items jsonb not null,
  placed_at timestamptz not null,
  updated_at timestamptz not null
);
--> statement-breakpoint
create index orders_by_customer on orders (customer_id, order_id);
--> statement-breakpoint
create index orders_by_status on orders (status, order_id);
--> statement-breakpoint
create index orders_awaiting_time_out on orders (placed_at) where status = 'placed';
--> statement-breakpoint
create table idempotency_keys (
  key text primary key,
  fingerprint text not null,
  answer json not null,
  created_at timestamptz not null default now()
);
