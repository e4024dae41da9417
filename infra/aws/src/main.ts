import { Server } from "node:net";
import { startFauxqs } from "fauxqs";

/** SNS and SQS in memory: PORT, and HOST (127.0.0.1 unless told, because a container must listen on 0.0.0.0). */
const port = Number(process.env.PORT ?? 14040);
const host = process.env.HOST ?? "127.0.0.1";

// fauxqs asks for 0.0.0.0 whatever it is told, which would open the emulator to the network.
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, options: object) {
  return listen.call(this, { ...options, host });
} as typeof listen;

const emulator = await startFauxqs({ port, logger: false });
console.log(`SNS and SQS are ready on ${host}:${emulator.port}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => emulator.stop());
