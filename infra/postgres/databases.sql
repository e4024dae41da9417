-- One database per service: none reads another's tables.
create database throughline_order;
create database throughline_billing;
create database throughline_inventory;
create database throughline_analytics;
-- And one for all of them, of bodies too big to travel.
create database throughline_claims;
