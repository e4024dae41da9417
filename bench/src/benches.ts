import { backlog } from "./backlog/bench.ts";
import { catchUp } from "./catch-up/bench.ts";
import { consoleBench } from "./console/bench.ts";
import { drain } from "./drain/bench.ts";
import { eventStore } from "./event-store/bench.ts";
import { flow } from "./flow/bench.ts";
import type { Bench } from "./harness/bench.ts";
import { heldSnapshot } from "./held-snapshot/bench.ts";
import { hopsBench } from "./hops/bench.ts";
import { inbox } from "./inbox/bench.ts";
import { kafka } from "./kafka/bench.ts";
import { latency } from "./latency/bench.ts";
import { ordering } from "./ordering/bench.ts";
import { projection } from "./projection/bench.ts";
import { rabbitmq } from "./rabbitmq/bench.ts";
import { sns } from "./sns/bench.ts";
import { tracing } from "./tracing/bench.ts";
import { wakeUp } from "./wake-up/bench.ts";
import { write } from "./write/bench.ts";

/** In the order in which they run. */
export const benches: readonly Bench[] = [
  ...[ordering, write, wakeUp, drain, backlog, heldSnapshot, latency],
  ...[kafka, rabbitmq, sns, catchUp, inbox, eventStore, projection, tracing, hopsBench, consoleBench, flow],
];
