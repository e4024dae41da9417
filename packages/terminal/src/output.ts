import { stdout } from "node:process";
import pc from "picocolors";

/** Colours on a terminal, and nowhere else. */
export const colors = pc.createColors(stdout.isTTY === true && pc.isColorSupported);

/** Columns as wide as their widest cell; the last one as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? title.length)),
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  ");
  return [colors.bold(line(head)), ...rows.map(line)].join("\n");
}

/** For machines: with indents of two, and moments as ISO 8601. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, each) => (each instanceof Date ? each.toISOString() : each), 2);
}

/** In one line, and no longer than a line is. */
export function short(text: string, length = 90): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/** To the second, in UTC: `2026-11-23 10:00:00`. */
export function when(moment: Date): string {
  return moment.toISOString().slice(0, 19).replace("T", " ");
}

/** A time of ISO 8601 that begins with a day; undefined where it is none. */
export function momentOf(text: string): Date | undefined {
  const moment = new Date(text);
  return /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(moment.getTime()) ? moment : undefined;
}

/** An error with its causes, in one sentence. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${reasonOf(error.cause)}`;
  return `${error.message || ("code" in error ? String(error.code) : error.name)}${cause}`;
}
