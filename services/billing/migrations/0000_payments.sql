create table payments (
  order_id text primary key,
  status text not null,
  amount_in_cents bigint,
  currency text,
  reference text,
  refund_reference text,
  reason text,
  updated_at timestamptz not null
);
