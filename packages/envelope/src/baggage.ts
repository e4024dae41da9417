/**
 * What a caller wants said along with everything that comes of a request, such as the tenant: W3C Baggage
 * (https://www.w3.org/TR/baggage/). A claim of the caller's, which nobody has checked.
 */
export type Baggage = Readonly<Record<string, string>>;

/** So that it fits beside any body, on every broker. */
const mostKeys = 16;
/** In UTF-8. */
const mostValueBytes = 256;
/** A token of RFC 9110. */
const key = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
/** W3C's list-member; what it says behind a `;` is about the entry, and is not read. */
const member = /^[ \t]*([^ \t=]+)[ \t]*=[ \t]*([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)[ \t]*(?:;|$)/;

const none: ReadonlySet<string> = new Set();
let carried = none;

/**
 * From now on, and until disposed, this process takes these keys in from requests and messages, and gives them on with
 * what they cause. Default: none. Throws where it has been told already.
 */
export function carryBaggage(keys: Iterable<string>): Disposable {
  if (carried !== none) throw new Error("This process has been told what baggage it carries already");
  carried = new Set(keys);
  return {
    [Symbol.dispose]() {
      carried = none;
    },
  };
}

/** The keys of a `baggage` header that this process carries, if any. What is malformed or too long is left out. */
export function readBaggage(header: string | undefined): Baggage | undefined {
  if (header === undefined || carried.size === 0) return undefined;
  return carriedOf(header.split(",").flatMap(readMember));
}

/** What of it is of the form, whatever a stranger's envelope says there: the entries that a header may have, if any. */
export function soundBaggage(said: unknown): Baggage | undefined {
  if (typeof said !== "object" || said === null || Array.isArray(said)) return undefined;
  const sound = Object.entries(said).filter(([name, value]) => isBaggageKey(name) && isBaggageValue(value));
  return sound.length === 0 ? undefined : Object.fromEntries(sound);
}

/** The part of it that this process carries, if any. */
export function carriedBaggage(baggage: Baggage | undefined): Baggage | undefined {
  return baggage && carriedOf(Object.entries(baggage));
}

/** The part of it that this process carries, as attributes of a span: `baggage.tenant`. */
export function baggageAttributes(baggage: Baggage | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(carriedBaggage(baggage) ?? {});
  return Object.fromEntries(entries.map(([name, value]) => [`baggage.${name}`, value]));
}

/** Whether a process may be told to carry these. */
export function areBaggageKeys(keys: readonly string[]): boolean {
  return keys.length <= mostKeys && keys.every(isBaggageKey);
}

function isBaggageKey(text: string): boolean {
  return key.test(text);
}

/** Whoever reads it in a log or a trace is not to be fooled by line breaks. */
function isBaggageValue(text: unknown): text is string {
  if (typeof text !== "string" || Buffer.byteLength(text) > mostValueBytes) return false;
  return !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

function carriedOf(entries: readonly (readonly [string, string])[]): Baggage | undefined {
  const ours = entries.filter(([name]) => carried.has(name));
  return ours.length === 0 ? undefined : Object.fromEntries(ours);
}

function readMember(text: string): [string, string][] {
  const [, name = "", encoded = ""] = member.exec(text) ?? [];
  const value = decode(encoded);
  return value !== undefined && isBaggageValue(value) ? [[name, value]] : [];
}

function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined; // Who sent it could have known better.
  }
}
