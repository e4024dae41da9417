import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect } from "@throughline/local/testing";
import { startDeadLetters } from "../index.ts";
import { replayLetter } from "../replay.ts";
import { group, rabbitmq, type } from "./letters.ts";

/** Drains, or sends letter 1 again, until it comes by a point for the n-th time, where it is killed. */
const [work, point, pass, url = "", namespace = ""] = process.argv.slice(2);
let passes = 0;
subscribe(`throughline:${point}`, () => {
  passes += 1;
  if (passes === Number(pass)) process.kill(process.pid, "SIGKILL");
});
await using connected = connect(url, 3);
const { database } = connected;
const road = rabbitmq(namespace);
if (work === "drain") {
  await using _ = await startDeadLetters(database, { groups: [{ group, types: [type], from: [road] }] });
  await once(process, "SIGTERM");
} else {
  const never = () => Promise.reject(new Error("not asked for"));
  const desk = { service: "diary", database, road: async () => road, publisher: never, reactionsOf: never };
  await replayLetter(desk, 1, { by: "test" });
}
