import { Presets, SingleBar } from "cli-progress";

/** A bar on stderr, on a terminal only; stdout is for the result. */
export type Progress = Disposable & {
  /** Begins a bar anew: `what` has happened to none of `total` orders. */
  start(what: string, total: number): void;
  readonly add: (orders: number) => void;
  readonly set: (orders: number) => void;
  stop(): void;
};

export function createProgress(): Progress {
  const format = "{what} {bar} {value} of {total} orders · {duration_formatted}";
  let bar: SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    start(what, total) {
      stop();
      bar = new SingleBar({ format, barsize: 40, fps: 10, hideCursor: true }, Presets.shades_classic);
      bar.start(total, 0, { what: what.padEnd(7) });
    },
    add: (orders) => bar?.increment(orders),
    set: (orders) => bar?.update(orders),
    stop,
    [Symbol.dispose]: stop,
  };
}
