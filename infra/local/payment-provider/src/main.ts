import { once } from "node:events";
import { openLedger } from "./ledger.ts";
import { createProvider } from "./provider.ts";

const { PORT = "14009", HTTP_HOST = "127.0.0.1", LEDGER_FILE } = process.env;

using ledger = openLedger(LEDGER_FILE);
const server = createProvider(ledger).listen(Number(PORT), HTTP_HOST);
server.on("error", (error) => {
  console.error(`The payment provider cannot listen on ${HTTP_HOST}:${PORT}: ${error.message}`);
  process.exit(1);
});
await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
server.close();
server.closeAllConnections();
