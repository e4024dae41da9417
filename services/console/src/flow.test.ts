import { expect, test } from "vitest";
import { createFlow } from "./flow.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Status } from "./status.ts";

const to = { destination: "kafka", waiting: 0, oldestMs: 0, parked: 0, parkedKeys: 0, dead: 0, publishedTotal: 0 };
const road = { road: "kafka", waiting: 0, deadLetters: 0 };
const counts = { handled: 0, duplicates: 0, failed: 0, deadLettered: 0, parked: 0, parkedKeys: 0, inFlight: 0 };
const group = { group: "billing", ...counts };

test("messages travel at the rate of the last seconds, over every road between two places", () => {
  const flowOf = createFlow();
  flowOf(snapshot(1_000, { order: status({ publishedTotal: 10 }), billing: listening({ handled: 4 }) }));
  const { ways } = flowOf(
    snapshot(3_000, { order: status({ publishedTotal: 30 }), billing: listening({ handled: 7 }) }),
  );
  expect(ways).toEqual([
    { from: "tells order", to: "carries kafka", perSecond: 10, mood: "good" },
    { from: "carries kafka", to: "listens billing", perSecond: 1.5, mood: "good" },
  ]);
});

test("what is under way is nothing to wait for, and what is behind is", () => {
  const order = status({ waiting: 9, oldestMs: 1_500 });
  const usual = createFlow()(snapshot(1_000, { order, billing: listening({}, { waiting: 9 }) }));
  expect(usual.ways.map(({ mood }) => mood)).toEqual(["good", "good"]);
  const late = status({ waiting: 9, oldestMs: 2_500 });
  const behind = createFlow()(snapshot(1_000, { order: late, billing: listening({}, { waiting: 99 }) }));
  expect(behind.ways.map(({ mood }) => mood)).toEqual(["wait", "wait"]);
  expect(behind.places.map(({ mood, lines }) => [mood, lines[0]?.text])).toEqual([
    ["wait", "9 wait, 2 s"],
    ["wait", "99 wait"],
    ["wait", "99 wait"],
  ]);
});

test("a process that began anew has no rate at first", () => {
  const flowOf = createFlow();
  flowOf(snapshot(1_000, { order: status({ publishedTotal: 10 }) }));
  const { ways } = flowOf(snapshot(2_000, { order: { ...status({ publishedTotal: 90 }), pid: 2 } }));
  expect(ways[0]?.perSecond).toBe(0);
});

test("a service that is down stays in the picture, red with all that hangs on it, and the reason is told", () => {
  const flowOf = createFlow();
  flowOf(snapshot(1_000, { order: status(), billing: listening() }));
  const { places, ways, troubles } = flowOf(snapshot(2_000, { order: status(), billing: undefined }));
  expect(troubles).toMatchObject([{ text: "billing: no answer", down: ["tells billing", "listens billing"] }]);
  expect(places.map(({ id, mood }) => [id, mood])).toEqual([
    ["tells order", "good"],
    ["carries kafka", "good"],
    ["listens billing", "bad"],
  ]);
  expect(ways.map(({ mood }) => mood)).toEqual(["good", "bad"]);
});

test("a place leads to where more is to be seen of it", () => {
  const { places } = createFlow()(snapshot(1_000, { order: status(), billing: listening() }));
  expect(places.map(({ href }) => href)).toEqual(["/outbox#order", "/#in", "/outbox#group-billing"]);
});

test("a broker that answers nobody is down, and says to whom and why", () => {
  const silent = listening({}, { reason: "connect ECONNREFUSED" });
  const { places, troubles } = createFlow()(snapshot(1_000, { order: status(), billing: silent }));
  expect(troubles.map(({ text }) => text)).toEqual(["Kafka does not answer billing: connect ECONNREFUSED"]);
  expect(places.find(({ id }) => id === "carries kafka")).toMatchObject({ mood: "bad", lines: [{ text: "down" }] });
});

test("what does not leave the outbox is told with its cause", () => {
  const holder = { pid: 77, ageMs: 65_000, application: "psql", state: "idle in transaction" };
  const order = status({ waiting: 1_200, oldestMs: 61_000, heldBackBy: holder, parked: 2, parkedKeys: 1, dead: 1 });
  const { ways, troubles } = createFlow()(snapshot(1_000, { order }));
  expect(troubles.map(({ text }) => text)).toEqual([
    "order cannot publish to Kafka: 1,200 messages wait, the oldest for 1 min, behind a transaction that is open for 1 min (idle in transaction, pid 77)",
    "order → Kafka: 2 parked behind 1 key whose message was refused",
    "order → Kafka: 1 message refused for good",
  ]);
  expect(troubles.map(({ href }) => href)).toEqual(["/outbox#order", "/outbox#order", "/dead-letters?q=order"]);
  expect(ways[0]?.mood).toBe("bad");
});

test("why a broker takes nothing is told once: by those who listen there, or else by those who tell", () => {
  const failure = "kafka: not authorized";
  const order = status({ waiting: 3, oldestMs: 61_000, failure });
  const texts = (billing: Status) => createFlow()(snapshot(1_000, { order, billing })).troubles.map(({ text }) => text);
  const stuck = "order cannot publish to Kafka: 3 messages wait, the oldest for 1 min";
  expect(texts(listening())).toEqual([`${stuck}: ${failure}`]);
  expect(texts(listening({}, { reason: "no answer" }))).toEqual(["Kafka does not answer billing: no answer", stuck]);
});

test("dead letters, parked messages and failing attempts of a group are told, and bring nothing down", () => {
  const flowOf = createFlow();
  flowOf(snapshot(1_000, { billing: listening() }));
  const billing = listening({ failed: 4, parked: 3, parkedKeys: 2 }, { deadLetters: 2 });
  const { places, troubles } = flowOf(snapshot(3_000, { billing }));
  expect(troubles.map(({ text }) => text)).toEqual([
    "billing: 2 dead letters",
    "billing: 3 parked behind 2 keys whose message is dead",
    "billing: 2 attempts fail per second, and are made again",
  ]);
  const lines = [{ text: "3 parked behind 2 keys" }, { text: "2 dead", mood: "bad" }];
  expect(places.at(-1)).toMatchObject({ mood: "wait", lines, href: "/dead-letters?q=billing" });
});

function snapshot(at: number, services: Readonly<Record<string, Status | undefined>>): Snapshot {
  return {
    at,
    services: Object.entries(services).map(([name, status]) => ({
      ...{ name, url: "http://127.0.0.1:1" },
      ...(status ? { isReady: true, status } : { isReady: false, reason: "no answer" }),
    })),
  };
}

function status(relay: Partial<Status["relay"][number]> = {}): Status {
  return { ...process, relay: [{ ...to, ...relay }] };
}

function listening(
  consumer: Partial<typeof group> = {},
  from: Partial<Status["consumers"][number]["roads"][number]> = {},
): Status {
  return { ...process, consumers: [{ ...group, ...consumer, roads: [{ ...road, ...from }] }] };
}

const process = { pid: 1, uptimeSeconds: 1, rssBytes: 1, relay: [], consumers: [], deadLetters: [] };
