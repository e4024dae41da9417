import { groupOf } from "@throughline/contracts/topology";
import { expect, test } from "vitest";
import { examine } from "./examine.ts";
import { configOf, faultsIn } from "./scene-under-test.ts";

const sound = configOf();

test("the settings that a service starts with by itself hold", () => {
  expect(faultsIn({ config: sound })).toEqual([]);
});

test("what could not be reached is unseen, and neither holds nor fails", () => {
  const states = examine({ config: sound }).filter(({ check }) => check.needs !== "settings");
  expect(states.length).toBeGreaterThan(20);
  expect(new Set(states.map(({ state }) => state))).toEqual(new Set(["unseen"]));
});

test("a visibility time-out and a grace that are too short are found as they are when a process starts", () => {
  const config = { ...sound, handlerTimeoutMs: 60_000 };
  expect(faultsIn({ config })).toEqual(["visibility-timeout", "shutdown-grace"]);
});

test("a pool that is smaller than the handlers are many is suspicious, where work is done", () => {
  const config = { ...sound, databasePoolSize: 10 };
  expect(faultsIn({ config })).toEqual(["pool-size"]);
  expect(faultsIn({ config: { ...config, service: "analytics", consumeFrom: ["kafka"], workOn: [] } })).toEqual([]);
});

test("a service that tells something and has no road for it is a contradiction", () => {
  expect(faultsIn({ config: { ...sound, publishTo: [] } })).toEqual(["outgoing-road"]);
  const [finding] = examine({ config: { ...sound, workOn: [] } }).filter(({ check }) => check.id === "outgoing-road");
  expect(finding?.fault).toMatchObject({ settings: ["WORK_ON", "the manifest"], fix: "Set it to rabbitmq" });
});

test("a service that listens where nobody speaks is suspicious", () => {
  const [finding] = examine({ config: { ...sound, consumeFrom: ["rabbitmq"] } }).filter(
    ({ state }) => state === "fault",
  );
  expect(finding?.check.id).toBe("incoming-road");
  expect(finding?.fault?.fix).toContain("kafka, sns-sqs");
});

test("a service that moved with all others to one road is not", () => {
  const config = { ...sound, publishTo: ["sns-sqs"], consumeFrom: ["sns-sqs"], workOn: ["sns-sqs"] } as const;
  expect(faultsIn({ config })).toEqual([]);
  expect(faultsIn({ config: { ...config, service: "order" } })).toEqual([]);
  expect(faultsIn({ config: { ...config, service: "analytics", publishTo: [], workOn: [] } })).toEqual([]);
});

test("a service that moved alone to another road of its senders is not, either", () => {
  expect(faultsIn({ config: { ...sound, consumeFrom: ["kafka"] } })).toEqual([]);
});

test("a reaction that the manifest does not know, and a route without a reaction, are contradictions", () => {
  const { types } = groupOf("billing");
  expect(faultsIn({ config: sound, handled: { billing: types } })).toEqual([]);
  expect(faultsIn({ config: sound, handled: { billing: [...types, "stock.reserved"] } })).toEqual(["reactions"]);
  expect(faultsIn({ config: sound, handled: { billing: types.slice(1) } })).toEqual(["reactions"]);
});
