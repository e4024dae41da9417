create table order_facts (
  order_id text primary key,
  customer_id text,
  currency text,
  total_in_cents bigint,
  pieces integer,
  express boolean,
  placed_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  cancel_reason text,
  charged_in_cents bigint,
  refunded_in_cents bigint,
  payment_failure text,
  stock_reserved_at timestamptz,
  stock_released_at timestamptz,
  stock_rejection text
);
--> statement-breakpoint
create index order_facts_by_time on order_facts (placed_at);
