import { Server } from "node:net";
import { startFauxqs } from "fauxqs";
import "./persistence.ts";

/**
 * SNS and SQS: PORT, HOST (127.0.0.1 unless told, because a container must listen on 0.0.0.0), and DATA_DIR, where it keeps
 * what it has. Without that, it is in memory.
 */
const { PORT: port = "14040", HOST: host = "127.0.0.1", DATA_DIR: dataDir } = process.env;

// fauxqs asks for 0.0.0.0 whatever it is told, which would open the emulator to the network.
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, options: object) {
  return listen.call(this, { ...options, host });
} as typeof listen;

const emulator = await startFauxqs({ port: Number(port), logger: false, ...(dataDir && { dataDir }) });
console.log(`SNS and SQS are ready on ${host}:${emulator.port}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => emulator.stop());
