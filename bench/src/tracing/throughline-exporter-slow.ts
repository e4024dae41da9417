import { traced } from "./measure-tracing.ts";

export const measure = traced({ sampled: 1, collector: "slow" });
