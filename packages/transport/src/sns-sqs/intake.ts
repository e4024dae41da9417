import { setTimeout as pause } from "node:timers/promises";

/** How many more messages may be received. */
export type Intake = {
  /** Takes up to `most` places, at least one, as soon as there are any; none once it is stopped. */
  take(most: number): Promise<number>;
  giveBack(places: number): void;
  stop(): void;
};

const gatherMs = 5;

export function createIntake(concurrency: number): Intake {
  let free = concurrency;
  let isStopped = false;
  let { promise: change, resolve: announce } = Promise.withResolvers<void>();

  return {
    async take(most) {
      while (free === 0 && !isStopped) await change;
      // Handlers that began together often end together: one call then fetches for all of them, instead of for one.
      if (free < Math.min(most, concurrency) && !isStopped) await pause(gatherMs);
      if (isStopped) return 0;
      const taken = Math.min(most, free);
      free -= taken;
      return taken > 0 ? taken : this.take(most);
    },
    giveBack(places) {
      free += places;
      wake();
    },
    stop() {
      isStopped = true;
      wake();
    },
  };

  function wake(): void {
    announce();
    ({ promise: change, resolve: announce } = Promise.withResolvers<void>());
  }
}
