import { drain } from "./drain/bench.ts";
import type { Bench } from "./harness/bench.ts";
import { write } from "./write/bench.ts";

/** In the order in which they run. */
export const benches: readonly Bench[] = [write, drain];
