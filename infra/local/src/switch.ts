import type { Broker } from "./broker.ts";

/** Lets a broker be stopped and started again, with what it has on disk. */
export type Switch = AsyncDisposable & {
  readonly isOn: boolean;
  /** Resolves once the broker is up, or gone; does nothing where it is so already. Rejects where it does not start. */
  turn(to: "on" | "off"): Promise<void>;
};

export function createSwitch(running: Broker, start: () => Promise<Broker>): Switch {
  let broker: Broker | undefined = running;
  let turning: Promise<void> = Promise.resolve();

  async function turn(to: "on" | "off"): Promise<void> {
    if (to === "on") broker ??= await start();
    else {
      await broker?.[Symbol.asyncDispose]();
      broker = undefined;
    }
  }
  return {
    get isOn() {
      return broker !== undefined;
    },
    turn(to) {
      // One after the other, also after one that failed.
      const turned = turning.then(() => turn(to));
      turning = turned.catch(() => undefined);
      return turned;
    },
    async [Symbol.asyncDispose]() {
      await turning;
      await turn("off");
    },
  };
}
