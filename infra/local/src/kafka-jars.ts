import { execFile } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const cache = fileURLToPath(new URL("../../../.local/cache/kafka-4.3.1", import.meta.url));
const pom = fileURLToPath(new URL("../kafka/pom.xml", import.meta.url));

/** The folder with Kafka's jars, which Maven fetches the first time. */
export async function kafkaJars(log: (sentence: string) => void): Promise<string> {
  if (existsSync(cache)) return cache;
  log("Apache Kafka is fetched by Maven, once (about 44 MB).");
  await mkdir(dirname(cache), { recursive: true });
  const arriving = await mkdtemp(`${cache}-`);
  const options = ["-B", "-q", "-ntp", "-f", pom, `-DoutputDirectory=${arriving}`, "-DincludeScope=runtime"];
  await promisify(execFile)("mvn", [...options, "dependency:copy-dependencies"]);
  // A rename is all or nothing, so an interrupted download is never taken for a whole one.
  if (existsSync(cache)) await rm(arriving, { recursive: true });
  else renameSync(arriving, cache);
  return cache;
}
