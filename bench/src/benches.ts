import { drain } from "./drain/bench.ts";
import { eventStore } from "./event-store/bench.ts";
import type { Bench } from "./harness/bench.ts";
import { inbox } from "./inbox/bench.ts";
import { kafka } from "./kafka/bench.ts";
import { rabbitmq } from "./rabbitmq/bench.ts";
import { write } from "./write/bench.ts";

/** In the order in which they run. */
export const benches: readonly Bench[] = [write, drain, kafka, rabbitmq, inbox, eventStore];
