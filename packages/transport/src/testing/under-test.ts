import type { Transport } from "../transport.ts";
import type { Line } from "./line.ts";

/** What the suite cannot do through a transport, because no service should: an adapter's tests supply it. */
export type Probe = {
  /** Puts any bytes on the road that messages of `type` take, past the publisher. */
  publishRaw(type: string, bytes: Uint8Array): Promise<void>;
  /**
   * Waits until `group` has `count` dead letters of `type`, then returns them: the bytes as they were published, and a
   * text in which the error's message occurs. Asked once per case, so it may take them off the broker.
   */
  deadLetters(group: string, type: string, count: number): Promise<readonly FoundLetter[]>;
};

export type FoundLetter = { readonly body: Uint8Array; readonly reason: string };

/** A transport under test as one process has it, with its side door. */
export type UnderTest = {
  readonly transport: Transport;
  readonly probe: Probe;
  /** Between `transport` and its broker; `startLine` makes one over TCP. */
  readonly line?: Line;
  /**
   * How long, in milliseconds, the broker leaves a message with a subscriber that says nothing. Choose the shortest that
   * the broker allows, or the suite takes long. Default: 0, it sees at once that a subscriber is gone.
   */
  readonly leaseMs?: number;
  /** A wire text of so many bytes is more than the broker takes. */
  readonly tooLargeBytes?: number;
  /** Closes what `connect` opened besides, after all that the suite opened is closed. */
  readonly dispose?: () => Promise<void>;
};

/**
 * Called with a random namespace, lower-case letters and digits. A case that plays several processes calls it once for
 * each, with the same namespace: nothing but that and the broker may connect them.
 */
export type Connect = (namespace: string) => UnderTest | Promise<UnderTest>;
