/** A writer in a process of its own, for tests that kill it: `node writer-process.ts <database url> <writer>`. */
import { connect } from "@throughline/local/testing";
import { write, writeAll } from "./notes.ts";

const [, , url = "", writer] = process.argv;
const { database } = connect(url);

for (let number = 1; ; number += 3) {
  await database.transaction(async (tx) => {
    await writeAll(tx, Number(writer), [number, number + 1]);
    await write(tx, { writer: Number(writer), number: number + 2 });
  });
}
