import { callHttp } from "@throughline/service";
import { z } from "zod";
import { type Status, statusSchema } from "./status.ts";

export type Address = { readonly name: string; readonly url: string };

export type ServiceView = Address & {
  readonly isReady: boolean;
  /** Why it is not ready. */
  readonly reason?: string;
  readonly status?: Status;
};

export type Snapshot = {
  /** Milliseconds since 1970: the page computes rates from the counters of two snapshots. */
  readonly at: number;
  readonly services: readonly ServiceView[];
};

/** Looks at every service once. A service that does not answer is a line of the picture, not an error. */
export async function takeSnapshot(addresses: readonly Address[]): Promise<Snapshot> {
  const services = await Promise.all(addresses.map(viewOf));
  return { at: Date.now(), services };
}

async function viewOf(address: Address): Promise<ServiceView> {
  try {
    const [ready, status] = await Promise.all([get(address, "/readyz"), get(address, "/status")]);
    const reason = ready.ok ? {} : { reason: await reasonOf(ready) };
    return { ...address, isReady: ready.ok, ...reason, status: withLetters(statusSchema.parse(await status.json())) };
  } catch (error) {
    return { ...address, isReady: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** A dead letter counts where it died, whether it is still with the broker or was drained and waits for a person. */
function withLetters({ relay, consumers, deadLetters, ...same }: Status): Status {
  const lettersOf = (isMeant: (letters: Status["deadLetters"][number]) => boolean) =>
    deadLetters.filter(isMeant).reduce((sum, { open, quarantined }) => sum + open + quarantined, 0);
  return {
    ...same,
    deadLetters,
    relay: relay.map((to) => ({
      ...to,
      dead: to.dead + lettersOf(({ group, road }) => group === "outbox" && road === to.destination),
    })),
    consumers: consumers.map((consumer) => ({
      ...consumer,
      roads: consumer.roads.map((each, index) => ({
        ...each,
        // What died behind a parked key came by any of the roads.
        deadLetters:
          each.deadLetters +
          lettersOf(
            ({ group, road }) => group === consumer.group && (road === each.road || (index === 0 && road === "inbox")),
          ),
      })),
    })),
  };
}

async function reasonOf(response: Response): Promise<string> {
  const problem = z
    .object({ detail: z.string().optional(), parts: z.record(z.string(), z.string()).default({}) })
    .parse(await response.json());
  const parts = Object.entries(problem.parts).filter(([, state]) => state !== "ready");
  return parts.map(([part, state]) => `${part}: ${state}`).join("; ") || (problem.detail ?? "not ready");
}

/** Asks a service, in the name of whoever looks. */
export function get({ url }: Address, path: string, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return callHttp(new URL(path, url).href, { method: "GET", timeoutMs: 2_000, headers });
}
