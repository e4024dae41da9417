/** Takes every span and forgets it, for as long as its parent lives; answers after so many ms. Tells the port. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const answerAfterMs = Number(process.argv[2]);

const server = createServer((request, response) => {
  const answer = () => response.setHeader("content-type", "application/json").end("{}");
  request.resume().on("end", () => setTimeout(answer, answerAfterMs));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.once("disconnect", () => process.exit());
process.send?.((server.address() as AddressInfo).port);
