/**
 * Where `text` stops being JSON, as an index from 0: the length of the longest start of it that some valid JSON text has
 * as well. V8 tells the position in some of its errors only.
 */
export function jsonErrorPosition(text: string): number {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (couldGoOn(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function couldGoOn(start: string): boolean {
  try {
    JSON.parse(start);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = /at position ([0-9]+)/.exec(message)?.[1];
    return message.startsWith("Unexpected end of JSON input") || Number(position) >= start.length;
  }
}
