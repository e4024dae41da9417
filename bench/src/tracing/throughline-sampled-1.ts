import { traced } from "./measure-tracing.ts";

export const measure = traced({ sampled: 0.01, collector: "up" });
