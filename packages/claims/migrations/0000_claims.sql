-- Bodies too big to travel, for all services. A reference begins with the day of its putting, by which it is removed.
create table claims (
  reference text collate "C" primary key,
  body bytea not null
);
