import { callHttp, withoutPasswords } from "@throughline/service";
import { z } from "zod";
import { type Status, statusSchema } from "./status.ts";

export type Address = { readonly name: string; readonly url: string };

export type ServiceView = Address & {
  /** It can do its work, and tells how it stands. */
  readonly isReady: boolean;
  /** Why not. */
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
  const [ready, status] = await Promise.allSettled([read(address, "/readyz"), readStatus(address)]);
  // Why it is not ready says more than why it does not tell how it stands.
  const silent = [ready, status].find((answer) => answer.status === "rejected");
  return {
    ...{ ...address, isReady: silent === undefined },
    ...(silent && { reason: reasonOf(silent.reason) }),
    ...(status.status === "fulfilled" && { status: status.value }),
  };
}

async function readStatus(address: Address): Promise<Status> {
  return withLetters(statusSchema.parse(await read(address, "/status")));
}

/** Without passwords, since programs are shown it as it is. Throws what the problem says, where the answer is one. */
async function read(address: Address, path: string): Promise<unknown> {
  const response = await get(address, path);
  const text = withoutPasswords(await response.text());
  const body: unknown = response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : undefined;
  if (!response.ok) throw new Error(problemOf(body, response.status));
  return body;
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

const problemSchema = z
  .object({ detail: z.string().optional(), parts: z.record(z.string(), z.string()).default({}) })
  .catch({ parts: {} });

function problemOf(body: unknown, status: number): string {
  const { detail, parts } = problemSchema.parse(body);
  const failed = Object.entries(parts).filter(([, state]) => state !== "ready");
  return failed.map(([part, state]) => `${part}: ${state}`).join("; ") || (detail ?? `it answered ${status}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Asks a service, in the name of whoever looks. */
export function get({ url }: Address, path: string, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return callHttp(new URL(path, url).href, { method: "GET", timeoutMs: 2_000, headers });
}
