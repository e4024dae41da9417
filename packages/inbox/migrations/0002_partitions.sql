-- It kept its locks on the table until all was done, and whoever handled a message waited. A process of before that still
-- calls it finds the partitions made.
create or replace function maintain_processed_messages(oldest date, newest date) returns void language sql as '';
