import { createHash } from "node:crypto";
import { stringify, v7 } from "uuid";

/** A new UUIDv7 (RFC 9562): unique, and sorted by the time of its making. */
export function newId(): string {
  return v7();
}

/**
 * The UUIDv7 that always belongs to `name` and `at`: the time is `at`, all other bits are the SHA-256 of `name`.
 * Telling the same event again yields the same message id, so that consumers recognise it.
 */
export function deriveId(name: string, at: Date): string {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 16);
  bytes.writeUIntBE(at.getTime(), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return stringify(bytes);
}
