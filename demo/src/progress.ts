import { Presets, SingleBar } from "cli-progress";

/** A bar on stderr, and a line now and then where that is no terminal; stdout is for the result. */
export type Progress = Disposable & {
  /** Begins a bar anew: `what` has happened to none of `total` orders. */
  start(what: string, total: number): void;
  readonly add: (orders: number) => void;
  readonly set: (orders: number) => void;
  stop(): void;
};

const options = {
  format: "{what} {bar} {value} of {total} orders · {duration_formatted}",
  barsize: 40,
  fps: 10,
  hideCursor: true,
  noTTYOutput: true,
  notTTYSchedule: 5_000,
};

export function createProgress(): Progress {
  let bar: SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    start(what, total) {
      stop();
      bar = new SingleBar(options, Presets.shades_classic);
      bar.start(total, 0, { what: what.padEnd(7) });
    },
    add: (orders) => bar?.increment(orders),
    set: (orders) => bar?.update(orders),
    stop,
    [Symbol.dispose]: stop,
  };
}
