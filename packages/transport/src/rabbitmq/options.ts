import type { Envelope } from "@throughline/envelope";
import type { ChannelModel } from "amqplib";
import type { KeyQueue } from "../key-queue.ts";
import type { Role } from "./connection.ts";
import type { KeptOpen, OnError } from "./keep-open.ts";

export type RabbitmqOptions = {
  /**
   * `amqp://user:password@host:5672/vhost`, or `amqps://`. A heartbeat of 5 seconds is added unless the query names one
   * (`?heartbeat=10`).
   */
  readonly url: string;
  /** PEM texts, for `amqps://`. */
  readonly tls?: {
    /** Who signs the broker's certificate. Default: the authorities that Node knows; NODE_EXTRA_CA_CERTS adds to them. */
    readonly ca?: string;
    /** What this client shows of itself, where the broker asks for it, with its key. */
    readonly cert?: string;
    readonly key?: string;
  };
  /** Stands in front of every name on the broker: one per environment. `dev`. */
  readonly namespace: string;
  /** Default: every message is an event. */
  readonly work?: Work;
  /**
   * Told of every lost connection, every vain attempt to get it back, and every pause that the broker imposes. The
   * transport goes on by itself. Default: a process warning.
   */
  readonly onError?: OnError;
};

/** The messages that are to be done once, by whoever takes them from the queue, the urgent first. */
export type Work = {
  readonly types: readonly string[];
  /** 0 to 9, and 9 is handled first. What lies outside is moved to the nearer end. */
  readonly priority: (envelope: Envelope) => number;
};

/** The options as the parts of the adapter see them, and what is open by them. */
export type Settings = Required<RabbitmqOptions> & {
  readonly connections: Map<KeptOpen<ChannelModel>, Role>;
  readonly consumers: Set<{ readonly queue: string; readonly works: KeyQueue }>;
};
