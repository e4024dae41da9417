import type { Mood, Place, Seen, Way } from "./flow.ts";
import { groupPlace, lettersPlace, outboxPlace } from "./links.ts";
import { brokerName, duration, parkedWords } from "./words.ts";

/** The places that the ways lead from and to, and the services that have none, each with what waits there. */
export function placesOf(seen: readonly Seen[], ways: readonly Way[], isDown: (id: string) => boolean): Place[] {
  const senders = seen.filter(({ status }) => status.relay.length > 0 || status.consumers.length === 0).map(senderOf);
  const brokers = [...new Set(ways.flatMap(({ from, to }) => [from, to]).filter((id) => id.startsWith("carries ")))];
  const groups = seen.flatMap(({ status }) => status.consumers.map(groupOf));
  return [...senders, ...brokers.sort().map(brokerOf), ...groups].map((place) =>
    isDown(place.id) ? { ...place, mood: "bad", lines: [{ text: "down", mood: "bad" }] } : place,
  );

  function senderOf({ service: { name }, status }: Seen): Place {
    const id = `tells ${name}`;
    const out = ways.filter(({ from }) => from === id);
    const waiting = Math.max(0, ...status.relay.map((to) => to.waiting));
    const oldestMs = Math.max(0, ...status.relay.map((to) => to.oldestMs));
    const [parked, keys] = [total(status.relay, "parked"), total(status.relay, "parkedKeys")];
    const lines = [
      ...line(waiting, `${waiting.toLocaleString("en")} wait, ${duration(oldestMs)}`, moodOf(out)),
      ...line(parked, parkedWords(parked, keys), "wait"),
    ];
    const mood = parked > 0 ? "wait" : moodOf(out);
    return { id, name, column: "tells", mood, perSecond: most(out), lines, href: outboxPlace(name) };
  }

  function brokerOf(id: string): Place {
    const road = id.slice("carries ".length);
    const into = ways.filter(({ to }) => to === id).reduce((sum, { perSecond }) => sum + perSecond, 0);
    const perSecond = Math.round(into * 10) / 10;
    const waiting = seen.flatMap(({ status }) => status.consumers.flatMap(({ roads }) => roads));
    const sum = waiting.filter((each) => each.road === road).reduce((all, each) => all + each.waiting, 0);
    // One that is red is down at its other end.
    const mood = moodOf(ways.filter((way) => way.from === id && way.mood !== "bad"));
    const lines = line(sum, `${sum.toLocaleString("en")} wait`, mood);
    return { id, name: brokerName(road), column: "carries", mood, perSecond, lines, href: "/#in" };
  }

  function groupOf({ group, roads, inFlight, parked, parkedKeys }: Seen["status"]["consumers"][number]): Place {
    const id = `listens ${group}`;
    const into = ways.filter(({ to }) => to === id);
    const [waiting, letters] = [total(roads, "waiting"), total(roads, "deadLetters")];
    const lines = [
      ...line(waiting, `${waiting.toLocaleString("en")} wait`, moodOf(into)),
      ...line(inFlight, `${inFlight} in hand`),
      ...line(parked, parkedWords(parked, parkedKeys), "wait"),
      ...line(letters, `${letters.toLocaleString("en")} dead`, "bad"),
    ];
    const mood = parked > 0 ? "wait" : moodOf(into);
    const href = letters > 0 ? lettersPlace(group) : groupPlace(group);
    return { id, name: group, column: "listens", mood, perSecond: most(into), lines, href };
  }
}

type Line = Place["lines"][number];

function line(count: number, text: string, mood: Mood = "good"): Line[] {
  return count === 0 ? [] : [mood === "good" ? { text } : { text, mood }];
}

/** A dead letter is red where it stands, and brings nothing down. */
function moodOf(ways: readonly Way[]): Mood {
  return ways.some(({ mood }) => mood !== "good") ? "wait" : "good";
}

function most(ways: readonly Way[]): number {
  return Math.max(0, ...ways.map(({ perSecond }) => perSecond));
}

function total<What extends string>(all: readonly Readonly<Record<What, number>>[], what: What): number {
  return all.reduce((sum, each) => sum + each[what], 0);
}
