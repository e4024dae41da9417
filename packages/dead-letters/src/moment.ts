/** A moment as the driver hands it over: milliseconds since 1970. `toDate` makes it a `Date` again. */
export function inMs(column: string): string {
  return `(extract(epoch from ${column}) * 1000)::float8`;
}

export function toDate(ms: number): Date {
  return new Date(Math.trunc(ms));
}
