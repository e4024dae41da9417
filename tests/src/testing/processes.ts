import { fileURLToPath } from "node:url";
import { freeBasePort } from "@throughline/local/ports";
import { expect, vi } from "vitest";
import type { Fleet, ServiceName } from "./fleet.ts";
import { get } from "./http.ts";
import { runService, type ServiceProcess } from "./service-process.ts";

/** Further processes of one service, all started at once beside the one that the fleet has. Not supervised. */
export async function startFurther(
  fleet: Fleet,
  name: Exclude<ServiceName, "provider">,
  { count, env = {} }: { readonly count: number; readonly env?: Readonly<Record<string, string>> },
): Promise<{ readonly processes: readonly ServiceProcess[] } & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const basePort = await freeBasePort();
  const main = fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url));
  const processes = Array.from({ length: count }, (_, nth) =>
    opened.use(
      runService({ name, main, port: basePort + nth, env: { ...fleet.envOf(name), ...env }, isSupervised: false }),
    ),
  );
  await Promise.all(processes.map(({ ready }) => ready()));
  const stack = opened.move();
  return { processes, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Asks the process to end, as a supervisor does, and expects it to end with 0. */
export async function end({ name, exits, pid, kill }: ServiceProcess): Promise<void> {
  kill("SIGTERM");
  await vi.waitUntil(() => exits.at(-1)?.pid === pid, { timeout: 40_000 });
  expect({ name, ...exits.at(-1) }).toEqual({ name, pid, code: 0, signal: null });
}

/** Starts what had ended, with further settings, and waits until it is ready. */
export async function start(service: ServiceProcess, env: Readonly<Record<string, string>> = {}): Promise<void> {
  service.start(env);
  await service.ready();
}

/** Since their start: messages with an effect, messages that came again and had none, attempts that failed. */
export type Counts = { readonly handled: number; readonly duplicates: number; readonly failed: number };

/** Of all consumers of these services together. */
export async function countsOf(...services: readonly { readonly url: string }[]): Promise<Counts> {
  const read = ({ url }: { readonly url: string }) => get<{ consumers: readonly Counts[] }>(`${url}/status`);
  const counts = (await Promise.all(services.map(read))).flatMap(({ consumers }) => consumers);
  const sumOf = (name: keyof Counts) => counts.reduce((sum, { [name]: count }) => sum + count, 0);
  return { handled: sumOf("handled"), duplicates: sumOf("duplicates"), failed: sumOf("failed") };
}
