import type { Reaction } from "@throughline/inbox";
import type { Database } from "@throughline/log";
import type { Publisher, Transport } from "@throughline/transport";

/** Where the letters of one service are looked at and sent again. */
export type Desk = {
  /** `billing`. */
  readonly service: string;
  readonly database: Database;
  /** Throws where the road is not among the service's settings. */
  road(name: string): Promise<Transport>;
  /** One for each road, kept open. */
  publisher(name: string): Promise<Publisher>;
  /** What the service's group does about messages; undefined where its code is not on this machine. */
  reactionsOf(group: string): Promise<readonly Reaction[] | undefined>;
};

/** Who does something to a letter, and why. */
export type Act = { readonly by: string; readonly reason?: string | undefined };
