import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { serveSwitches } from "./serve-switches.ts";
import { createSwitch } from "./switch.ts";

test("a broker is turned off and on again by whoever knows the address", async () => {
  const broker = createBroker();
  const heard: string[] = [];
  await using kafka = createSwitch(await broker.start(), broker.start);
  await using board = await serveSwitches(0, { kafka }, (sentence) => heard.push(sentence));
  expect(await ask(board.url)).toEqual([200, { kafka: "on" }]);
  expect(await ask(`${board.url}/kafka/off`, "POST")).toEqual([200, { kafka: "off" }]);
  expect(broker.running()).toBe(0);
  expect(await ask(`${board.url}/kafka/off`, "POST")).toEqual([200, { kafka: "off" }]);
  expect(await ask(`${board.url}/kafka/on`, "POST")).toEqual([200, { kafka: "on" }]);
  expect(broker.running()).toBe(1);
  expect(heard[0]).toBe("kafka is turned off, as the console asked.");
});

test("nobody else turns anything, and there is nothing else to turn", async () => {
  const broker = createBroker();
  await using kafka = createSwitch(await broker.start(), broker.start);
  await using board = await serveSwitches(0, { kafka }, () => {});
  const { origin } = new URL(board.url);
  const asked = [`${origin}/kafka/off`, `${origin}/${"x".repeat(32)}/kafka/off`, `${board.url}/postgres/off`];
  for (const url of [...asked, `${board.url}/kafka/away`, `${board.url}/constructor/off`])
    expect((await ask(url, "POST"))[0]).toBe(404);
  expect(broker.running()).toBe(1);
});

test("one that does not start again is told as such, and can be tried once more", async () => {
  const broker = createBroker();
  await using kafka = createSwitch(await broker.start(), broker.start);
  const heard: string[] = [];
  await using board = await serveSwitches(0, { kafka }, (sentence) => heard.push(sentence));
  await ask(`${board.url}/kafka/off`, "POST");
  broker.fault = new Error("its port is in use");
  expect((await ask(`${board.url}/kafka/on`, "POST"))[0]).toBe(500);
  expect(heard.at(-1)).toBe("A broker was not turned: its port is in use");
  broker.fault = undefined;
  expect(await ask(`${board.url}/kafka/on`, "POST")).toEqual([200, { kafka: "on" }]);
});

test("whatever is asked at the same time, no broker is started twice", async () => {
  const broker = createBroker();
  await using kafka = createSwitch(await broker.start(), broker.start);
  await Promise.all((["off", "on", "on", "off", "on"] as const).map((to) => kafka.turn(to)));
  expect([broker.running(), broker.most()]).toEqual([1, 1]);
});

async function ask(url: string, method = "GET"): Promise<[status: number, body: unknown]> {
  const response = await fetch(url, { method });
  return [response.status, response.ok ? await response.json() : await response.text()];
}

/** Something that takes a moment to come and to go. */
function createBroker() {
  let [running, most] = [0, 0];
  const broker = {
    fault: undefined as Error | undefined,
    running: () => running,
    most: () => most,
    async start() {
      await pause(5);
      if (broker.fault) throw broker.fault;
      running += 1;
      most = Math.max(most, running);
      const stop = async () => {
        await pause(5);
        running -= 1;
      };
      return { url: "", pid: 0, [Symbol.asyncDispose]: stop };
    },
  };
  return broker;
}
