import { redeemBody } from "@throughline/claims";
import { parseEnvelope } from "@throughline/envelope";
import { type Fault, faultsBehind, requireContract } from "./contract.ts";

/** A body as a person reads it: JSON line by line, each fault under the place that it is about. */
export type Pointed = {
  readonly lines: readonly { readonly text: string; readonly isFault: boolean }[];
  /** What is wrong as a whole, by today's contract; absent where nothing is. */
  readonly fault?: string;
};

/**
 * Holds the body against the envelope and today's contract, and points at what breaks them. Data that stayed behind is
 * held against the contract as well, and not shown.
 */
export async function pointOut(body: Uint8Array): Promise<Pointed> {
  const error = await faultOf(body);
  const fault = error === undefined ? {} : { fault: error.message };
  const text = Buffer.from(body).toString();
  try {
    return { lines: print(JSON.parse(text), [], faultsBehind(error), ""), ...fault };
  } catch {
    // Broken JSON and no JSON are shown as they came.
    return { lines: text.split("\n").map((line) => ({ text: line, isFault: false })), ...fault };
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
    return [
      line(`${indent}${name}${JSON.stringify(value)}${end}`),
      ...marks(indent, faults, (fault) => startsWith(fault.path, path)),
    ];
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  const inner = entries.flatMap(([key, child], index) =>
    print(child, [...path, key], faults, index < entries.length - 1 ? "," : ""),
  );
  // What is missing is pointed at where it should be.
  const isHere = ({ path: at }: Fault) =>
    startsWith(at, path) && !entries.some(([key]) => startsWith(at, [...path, key]));
  return [
    line(`${indent}${name}${open}`),
    ...inner,
    ...marks(`${indent}  `, faults, isHere, path.length),
    line(`${indent}${close}${end}`),
  ];
}

function marks(
  indent: string,
  faults: readonly Fault[],
  isHere: (fault: Fault) => boolean,
  known = Number.POSITIVE_INFINITY,
) {
  return faults.filter(isHere).map(({ path, message }) => {
    const missing = path.slice(known).join(".");
    return { text: `${indent}^ ${missing === "" ? "" : `${missing}: `}${message}`, isFault: true };
  });
}

function startsWith(path: readonly PropertyKey[], start: readonly PropertyKey[]): boolean {
  return start.length <= path.length && start.every((key, index) => String(key) === String(path[index]));
}
