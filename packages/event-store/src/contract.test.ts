import { openTestStore } from "./test-store.ts";
import { postgresStore } from "./testing/postgres-store.ts";
import { describeEventStore } from "./testing/suite.ts";

describeEventStore("Postgres", async () => {
  const opened = await openTestStore();
  return { ...opened, store: postgresStore(opened.database) };
});
