import { describe, test } from "vitest";
import { withWorkshop } from "./testing/bench.ts";
import { casesWith, type Exceptions } from "./testing/suite.ts";
import type { Connect } from "./testing/under-test.ts";

export type { Bench } from "./testing/bench.ts";
export { type Line, startLine, type TcpLine } from "./testing/line.ts";
export { type Exceptions, suite, type TransportCase } from "./testing/suite.ts";
export type { Connect, FoundLetter, Probe, UnderTest } from "./testing/under-test.ts";

/** How long a case waits for what a broker should do, in milliseconds. */
const patienceMs = 40_000;

/**
 * The definition of a transport: registers one test per case of the suite. `exceptions` names what this broker does not
 * promise, with the reason; the weaker promise is tested in its place, under a name that says so. Where there is none,
 * the case is listed as skipped.
 *
 *     describeTransport("rabbitmq", connectForTest, { orderAcrossMembers: "consumers of a queue take turns" });
 *
 * `connect` gives a transport, a `Probe` and a `Line` (see there) in the namespace that it is called with. Several cases
 * run at the same time, each in a namespace of its own. An exception that the suite does not know is a type error.
 */
export function describeTransport(name: string, connect: Connect, exceptions: Exceptions = {}): void {
  describe.concurrent(`${name} is a transport`, () => {
    for (const { name, run } of casesWith(exceptions)) {
      if (run === undefined) test.skip(name);
      else test(name, { timeout: 3 * patienceMs }, () => withWorkshop(connect, patienceMs, run));
    }
  });
}
