/** What a process of ours loads before its main file: `node --import @throughline/service/preload src/main.ts`. */
import "./commonjs-drizzle.ts";
import "./telemetry.ts";
