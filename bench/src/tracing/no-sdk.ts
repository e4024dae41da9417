export { measureTracing as measure } from "./measure-tracing.ts";
