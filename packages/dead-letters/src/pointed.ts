import { redeemBody } from "@throughline/claims";
import { parseEnvelope } from "@throughline/envelope";
import { type Fault, faultsBehind, requireContract } from "./contract.ts";

/** A body as a person reads it: JSON line by line, each fault under the place that it is about. */
export type Pointed = {
  readonly lines: readonly { readonly text: string; readonly isFault: boolean }[];
  /** Faults beside the first hundred, which alone are pointed at. */
  readonly more: number;
  /** What is wrong as a whole, by today's contract; absent where nothing is. */
  readonly fault?: string;
};

const mostFaults = 100;

/**
 * Holds the body against the envelope and today's contract, and points at what breaks them. Data that stayed behind is
 * held against the contract as well, and not shown.
 */
export async function pointOut(body: Uint8Array): Promise<Pointed> {
  const error = await faultOf(body);
  const fault = error === undefined ? {} : { fault: error.message };
  const faults = faultsBehind(error);
  const more = Math.max(0, faults.length - mostFaults);
  const text = Buffer.from(body).toString();
  try {
    return { lines: print(JSON.parse(text), [], faults.slice(0, mostFaults), ""), more, ...fault };
  } catch {
    // Broken JSON and no JSON are shown as they came.
    return { lines: text.split("\n").map((line) => ({ text: line, isFault: false })), more, ...fault };
  }
}

async function faultOf(body: Uint8Array): Promise<Error | undefined> {
  try {
    requireContract(await redeemBody(parseEnvelope(body)));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** `faults` are those at `path` or below it. */
function print(
  value: unknown,
  path: readonly PropertyKey[],
  faults: readonly Fault[],
  end: string,
): Pointed["lines"][number][] {
  const indent = "  ".repeat(path.length);
  const name = typeof path.at(-1) === "string" ? `${JSON.stringify(path.at(-1))}: ` : "";
  const line = (text: string) => ({ text, isFault: false });
  if (typeof value !== "object" || value === null) {
    return [line(`${indent}${name}${JSON.stringify(value)}${end}`), ...marks(indent, faults)];
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  const keys = new Set<string | undefined>(entries.map(([key]) => String(key)));
  const keyOf = ({ path: at }: Fault) => (at.length > path.length ? String(at[path.length]) : undefined);
  const byKey = Map.groupBy(faults, keyOf);
  const inner = entries.flatMap(([key, child], index) =>
    print(child, [...path, key], byKey.get(String(key)) ?? [], index < entries.length - 1 ? "," : ""),
  );
  // What is missing is pointed at where it should be.
  const here = faults.filter((fault) => !keys.has(keyOf(fault)));
  return [
    line(`${indent}${name}${open}`),
    ...inner,
    ...marks(`${indent}  `, here, path.length),
    line(`${indent}${close}${end}`),
  ];
}

function marks(indent: string, faults: readonly Fault[], known = Number.POSITIVE_INFINITY) {
  return faults.map(({ path, message }) => {
    const missing = path.slice(known).join(".");
    return { text: `${indent}^ ${missing === "" ? "" : `${missing}: `}${message}`, isFault: true };
  });
}
