import { readFileSync } from "node:fs";
import { type Purchase, parsePurchases } from "./purchases.ts";

/** The first purchases of a file. Throws, saying what to mend, where they cannot be had. */
export function readPurchases(file: string, orders: number | "all"): Purchase[] {
  const purchases = parse(file, read(file));
  if (orders === "all") return purchases;
  if (orders > purchases.length) {
    throw new Error(`${file} has ${purchases.length} purchases: ask for as many, for fewer, or for "all"`);
  }
  return purchases.slice(0, orders);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} cannot be read`, { cause });
  }
}

function parse(file: string, text: string): Purchase[] {
  try {
    return parsePurchases(text);
  } catch (cause) {
    throw new Error(`${file} is not a file of purchases; nothing was sent`, { cause });
  }
}
