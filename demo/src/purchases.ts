/** One line of the file: what one customer bought at one time. */
export type Purchase = {
  readonly line: number;
  readonly customer: string;
  /** YYYYMMDD. */
  readonly date: string;
  readonly cds: number;
  readonly amountInCents: number;
};

const mostFaults = 10;

/**
 * Reads purchases in the columns of the CDNOW sample. Throws one error that names every fault by line and column and says
 * how to mend it: a file is replayed as a whole or not at all.
 */
export function parsePurchases(text: string): Purchase[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) throw new Error("It is empty: expected one purchase per line");
  const faults: string[] = [];
  const purchases = lines.map((line, index) => parseLine(line, index + 1, faults));
  if (faults.length === 0) return purchases;
  const more = faults.length > mostFaults ? [`… and ${faults.length - mostFaults} more`] : [];
  throw new Error([...faults.slice(0, mostFaults), ...more].join("\n"));
}

function parseLine(text: string, line: number, faults: string[]): Purchase {
  const values = text.trim().split(/\s+/);
  if (values.length !== 5) {
    faults.push(`line ${line}: ${quote(text)} has ${text.trim() === "" ? 0 : values.length} columns; ${shape}`);
  }
  const [fullId = "", customer = "", date = "", cds = "", dollars = ""] = values;
  const check = (isRight: boolean, column: string, value: string, fix: string) => {
    if (values.length === 5 && !isRight) faults.push(`line ${line}, column ${column}: ${quote(value)}; ${fix}`);
  };
  check(/^\d{1,9}$/.test(fullId), "1 (id in the full set)", fullId, "write digits");
  check(/^\d{1,9}$/.test(customer), "2 (id in the sample)", customer, "write digits");
  check(isDay(date), "3 (date)", date, "write a day of the calendar as YYYYMMDD, such as 19970118");
  check(isBetween(1, cds, 1_000_000), "4 (CDs)", cds, "write a whole number from 1 to 1000000, or remove the line");
  check(
    isPrice(dollars),
    "5 (dollars)",
    dollars,
    "write dollars and two digits of cents, such as 29.33, to 10000000.00",
  );
  return { line, customer, date, cds: Number(cds), amountInCents: Number(dollars.replace(".", "")) };
}

const shape = "write five: id in the full set, id in the sample, date, CDs, dollars";

function isDay(value: string): boolean {
  if (!/^\d{8}$/.test(value)) return false;
  const day = `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}`;
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

function isBetween(least: number, value: string, most: number): boolean {
  return /^\d{1,7}$/.test(value) && Number(value) >= least && Number(value) <= most;
}

function isPrice(value: string): boolean {
  return /^\d{1,8}\.\d{2}$/.test(value) && Number(value) <= 10_000_000;
}

function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
