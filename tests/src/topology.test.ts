import { contracts } from "@throughline/contracts";
import { topology } from "@throughline/contracts/topology";
import { expect, test } from "vitest";
import { reactions as analytics } from "../../services/analytics/src/messages.ts";
import { reactions as billing, workReactions } from "../../services/billing/src/messages.ts";
import { reactions as inventory } from "../../services/inventory/src/messages.ts";
import { reactions as order } from "../../services/order/src/messages.ts";

/** What the services really do, whatever the manifest says. Nothing here is called, so nothing has to be connected. */
const handled: Readonly<Record<string, readonly { readonly type: string }[]>> = {
  order,
  billing,
  "billing.work": workReactions(undefined as never, undefined as never),
  inventory,
  analytics,
};

test("a group handles what the manifest sends it, and the manifest sends it what it handles", () => {
  const routed = topology.groups.map(({ group, types }) => [group, [...types].sort()]);
  const reacted = Object.entries(handled).map(([group, reactions]) => [
    group,
    reactions.map(({ type }) => type).sort(),
  ]);
  expect(Object.fromEntries(routed)).toEqual(Object.fromEntries(reacted));
});

test("nobody asks for a message that no contract knows", () => {
  const known = contracts.map(({ type }) => type as string);
  expect(topology.groups.flatMap(({ types }) => types).filter((type) => !known.includes(type))).toEqual([]);
});
