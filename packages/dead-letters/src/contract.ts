import { type Contract, contracts } from "@throughline/contracts";
import type { Envelope } from "@throughline/envelope";

export function contractOf({ type, version }: Pick<Envelope, "type" | "version">): Contract | undefined {
  return (contracts as readonly Contract[]).find((each) => each.type === type && each.version === version);
}

/** Throws, naming every fault by path, where the message breaks the contract of today or there is none. */
export function requireContract(envelope: Envelope): void {
  const contract = contractOf(envelope);
  if (contract === undefined) throw new Error(`There is no contract ${envelope.type} version ${envelope.version}`);
  contract.read(envelope);
}

/** A fault in a message: where, as a path from its root, and what was expected. */
export type Fault = { readonly path: readonly PropertyKey[]; readonly message: string };

/** The faults behind an error of a contract or of the envelope; none where it names no places. */
export function faultsBehind(error: unknown): readonly Fault[] {
  return error instanceof Error && Array.isArray(error.cause) ? (error.cause as Fault[]) : [];
}
