import { callHttp } from "@throughline/service";
import { z } from "zod";

/** A broker that this console may stop and start. */
export type BrokerSwitch = {
  readonly name: string;
  readonly isOn: boolean;
  /** It is being turned at this moment. */
  readonly isTurning: boolean;
  /** Why it was not turned the last time. */
  readonly reason?: string;
};

export type Switchboard = {
  read(): Promise<readonly BrokerSwitch[]>;
  /** Begins, and does not wait until it is done: a broker takes seconds. */
  turn(name: string, to: "on" | "off"): void;
};

const states = z.record(z.string(), z.enum(["on", "off"]));
/** Longer than any broker takes to start. */
const patienceMs = 180_000;

/** Speaks to whoever started the brokers; `url` comes from there. */
export function connectSwitchboard(url: string): Switchboard {
  const turning = new Set<string>();
  const reasons = new Map<string, string>();
  return {
    async read() {
      const found = states.parse(await (await ask(url, { timeoutMs: 2_000 })).json());
      return Object.entries(found).map(([name, state]) => {
        const reason = reasons.get(name);
        return { name, isOn: state === "on", isTurning: turning.has(name), ...(reason && { reason }) };
      });
    },
    turn(name, to) {
      turning.add(name);
      reasons.delete(name);
      ask(`${url}/${encodeURIComponent(name)}/${to}`, { method: "POST", timeoutMs: patienceMs })
        .then((answer) => {
          if (!answer.ok) reasons.set(name, `it was not turned ${to}: the output of npm start says why`);
        })
        .catch((error) => reasons.set(name, error instanceof Error ? error.message : String(error)))
        .finally(() => turning.delete(name));
    },
  };
}

/** The address is a secret, which is not told. */
async function ask(...call: Parameters<typeof callHttp>): Promise<Response> {
  try {
    return await callHttp(...call);
  } catch {
    throw new Error("npm start, which turns brokers on and off, does not answer");
  }
}
