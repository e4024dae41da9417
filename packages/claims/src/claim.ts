import { createHash } from "node:crypto";
import { type Envelope, RejectedError } from "@throughline/envelope";
import { isReference, providedClaims } from "./claim-store.ts";

/** An envelope that carries a reference in the place of its data. It may leave once `put` has resolved. */
export type Claimed = { readonly envelope: Envelope; put(): Promise<void> };

/**
 * The body that a message refers to is not where bodies are. Try again: it may be on its way, or be put back. After the
 * last attempt the message is set aside, and can be sent again once the body is there.
 */
export class MissingBodyError extends Error {
  override readonly name = "MissingBodyError";
}

/** SNS and SQS take 256 KiB with the attributes: the body of an envelope that is bigger than this stays behind. */
export const maxWireBytes = 200 * 1024;
/** What a process can well hold of a message. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Takes the data out of the envelope. Throws where it may not be so big, or this process has no place for it. */
export function claimBody(envelope: Envelope): Claimed {
  const store = providedClaims();
  const body = Buffer.from(JSON.stringify(envelope.data));
  const name = `Message ${envelope.type} about ${envelope.key}`;
  if (store === undefined || body.length > maxBodyBytes) {
    const most = store === undefined ? `${maxWireBytes} on the wire, since CLAIMS_URL names no place` : maxBodyBytes;
    throw new Error(`${name} has a body of ${body.length} bytes and may have ${most}`);
  }
  const dataref = `${new Date().toISOString().slice(0, 10)}/${sha256(body)}`;
  return { envelope: { ...envelope, data: null, dataref }, put: () => store.put(dataref, body) };
}

/**
 * The envelope with its data in it again. Rejects with a `MissingBodyError` where it is not there, and with a
 * `RejectedError` where what is there is not what was sent.
 */
export async function redeemBody({ dataref, ...envelope }: Envelope): Promise<Envelope> {
  if (dataref === undefined) return envelope;
  const name = `The body ${dataref} of ${envelope.type} ${envelope.id}`;
  if (!isReference(dataref)) throw new RejectedError(`${name} has a reference of another form`);
  const store = providedClaims();
  if (store === undefined) throw new MissingBodyError(`${name} is not to be had: CLAIMS_URL is not set`);
  const body = await store.get(dataref);
  if (body === undefined) throw new MissingBodyError(`${name} is not there`);
  const hash = sha256(body);
  if (!dataref.endsWith(hash)) throw new RejectedError(`${name} is not what was sent: its SHA-256 is ${hash}`);
  return { ...envelope, data: parse(body, name) };
}

function sha256(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

function parse(body: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (cause) {
    throw new RejectedError(`${name} is no JSON`, { cause });
  }
}
