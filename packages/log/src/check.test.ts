import { expect, test } from "vitest";
import { checkLog, query } from "./index.ts";
import { notes, openNotes, write } from "./notes.ts";

test("a sound log passes, empty and filled", async () => {
  await using log = await openNotes();
  await checkLog(log.database, notes);
  await write(log.database, { writer: 1, number: 1 });
  await checkLog(log.database, notes);
});

test("a sequence that was restored without its table is refused", async () => {
  await using log = await openNotes();
  for (const number of [1, 2, 3]) await write(log.database, { writer: 1, number });
  await log.database.execute("select setval('notes_position_seq', 2)");
  await expect(checkLog(log.database, notes)).rejects.toThrow("stands at 2 and log notes at 3");
});

test("a table without the trigger is refused", async () => {
  await using log = await openNotes();
  await log.database.execute("alter table notes disable trigger notes_pin");
  await expect(checkLog(log.database, notes)).rejects.toThrow("Log notes has no log_pin trigger");
});

test("a sequence that hands out blocks is refused", async () => {
  await using log = await openNotes();
  await log.database.execute("alter sequence notes_position_seq cache 10");
  await expect(checkLog(log.database, notes)).rejects.toThrow("has cache 10");
});

test("a failed statement tells the driver's code and keeps the values to itself", async () => {
  await using log = await openNotes();
  const failing = query(log.database, "divide", "select 1 / length($1::text)", [""]);
  await expect(failing).rejects.toMatchObject({
    message: "Statement divide failed: division by zero",
    cause: { code: "22012" },
  });
});
