import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { z } from "zod";

const entrySchema = z.object({
  kind: z.enum(["charge", "refund"]),
  reference: z.string(),
  orderId: z.string(),
  amountInCents: z.number(),
  currency: z.string(),
  idempotencyKey: z.string(),
  at: z.string(),
});

/** Money that really moved. */
export type Entry = z.infer<typeof entrySchema>;

export type Ledger = Disposable & {
  readonly entries: readonly Entry[];
  /** Writes it down for good before it returns. */
  record(entry: Omit<Entry, "reference" | "at">): Entry;
};

/** Opens the ledger in a file of JSON lines, or in memory. A last line that a crash cut short was never answered. */
export function openLedger(file?: string): Ledger {
  const entries = file !== undefined && existsSync(file) ? readEntries(file) : [];
  const descriptor = file === undefined ? undefined : openAtEnd(file);
  return {
    entries,
    record(entry) {
      const recorded = { ...entry, reference: `${entry.kind}-${randomUUID()}`, at: new Date().toISOString() };
      if (descriptor !== undefined) {
        writeSync(descriptor, `${JSON.stringify(recorded)}\n`);
        fsyncSync(descriptor);
      }
      entries.push(recorded);
      return recorded;
    },
    [Symbol.dispose]() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/** Cuts off what follows the last complete line, lest the next entry be glued to it. */
function openAtEnd(file: string): number {
  if (existsSync(file)) truncateSync(file, readFileSync(file).lastIndexOf("\n") + 1);
  return openSync(file, "a");
}

function readEntries(file: string): Entry[] {
  const text = readFileSync(file, "utf8");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => entrySchema.parse(JSON.parse(line)));
}
