import { Presets, SingleBar } from "cli-progress";

export type Progress = Disposable & { advanceTo(value: number): void };

/** A bar on stderr, until disposed, where that is a terminal; nothing where `isQuiet` or where there is nothing to wait for. */
export function showProgress(total: number, { isQuiet }: { readonly isQuiet: boolean }): Progress {
  if (isQuiet || process.stderr.isTTY !== true || total < 2) return { advanceTo() {}, [Symbol.dispose]() {} };
  const bar = new SingleBar(
    { format: "{bar} {value} of {total} · {eta_formatted} left", barsize: 40, hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { advanceTo: (value) => bar.update(value), [Symbol.dispose]: () => bar.stop() };
}
