import { expect } from "vitest";
import type { DeadLetter } from "../transport.ts";
import type { Probe } from "./under-test.ts";

/** These and no others are the dead letters of `billing`, each with a reason that matches. */
export async function expectDeadLetters(probe: Probe, bodies: readonly Buffer[], reason: RegExp): Promise<void> {
  const deadLetters = await probe.deadLetters("billing", "order.created", bodies.length);
  const inHex = (body: Uint8Array) => Buffer.from(body).toString("hex");
  expect(deadLetters.map(({ body }) => inHex(body)).sort()).toEqual(bodies.map(inHex).sort());
  for (const deadLetter of deadLetters) expect(deadLetter.reason).toMatch(reason);
}

export function textOf({ body }: DeadLetter): string {
  return Buffer.from(body).toString();
}
