import { subscribe } from "node:diagnostics_channel";

/**
 * Kills this process, as a power cut would, at the `pass`-th time that the code comes by `point`. The packages publish
 * on `throughline:<point>`, which costs nothing while nobody listens.
 */
export function crashAt(point: string, pass: number): void {
  let passes = 0;
  subscribe(`throughline:${point}`, () => {
    passes += 1;
    if (passes === pass) process.kill(process.pid, "SIGKILL");
  });
}
