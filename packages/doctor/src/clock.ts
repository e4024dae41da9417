import type { Fault } from "@throughline/service";

/** No decision compares the clocks of two hosts; people who read logs and time-outs do. */
const mostApartMs = 5_000;

export function clockFault(whose: string, aheadMs: number): Fault | undefined {
  if (Math.abs(aheadMs) <= mostApartMs) return undefined;
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  return {
    settings: ["clock of this process", `clock of ${whose}`],
    conflict: `The clock of ${whose} is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} that of this process`,
    consequence: "signed calls are refused beyond 5 minutes, days of retention begin elsewhere, and logs mislead",
    fix: "Let both hosts keep time by NTP",
  };
}
