import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "@cdktn/hcl-tools";
import { getReferencesInExpression, parse } from "@cdktn/hcl2json";
import { demandOn } from "@throughline/contracts/topology";
import { openTopology } from "@throughline/transport/topology";
import { expect, test } from "vitest";
import { generatedFiles } from "./files.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const files = globSync("infra/terraform/*.tf", { cwd: root });
/** Blocks by kind, then by type and name where the kind has them. */
type Blocks = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
const parsed = await Promise.all(files.map(async (file): Promise<Blocks> => parse(file, read(file))));
const variables = namesIn("variable");
const given = JSON.parse(read("infra/terraform/topology.auto.tfvars.json")) as Given;
type Given = {
  readonly topics: Readonly<Record<string, string>>;
  readonly queues: Readonly<Record<string, { readonly topics: readonly string[]; readonly max_receive_count: number }>>;
} & Readonly<
  Record<
    "visibility_timeout_seconds" | "receive_wait_time_seconds" | "retention_days" | "dead_letter_retention_days",
    number
  >
>;

test.each(generatedFiles())("$path is what the manifest says: npm run topology -- --write", ({ path, text }) => {
  expect(read(path)).toBe(text);
});

test.each(files)("%s is formatted as terraform fmt does", async (file) => {
  expect(await format(read(file))).toBe(read(file));
});

test("every reference in the module leads to something in it", async () => {
  const declared = new Set([
    ...variables.map((name) => `var.${name}`),
    ...namesIn("locals").map((name) => `local.${name}`),
    ...namesIn("data").map((name) => `data.${name}`),
    ...namesIn("resource"),
  ]);
  const used = (await Promise.all(parsed.flatMap(expressionsIn).map(referencesIn))).flat();
  expect(used.length).toBeGreaterThan(60);
  expect([...new Set(used)].filter((reference) => !declared.has(reference))).toEqual([]);
  const unused = variables.filter((name) => !used.includes(`var.${name}`) && name !== "namespace");
  expect(unused).toEqual([]);
});

test("the manifest gives every variable that has no default, but for the namespace", () => {
  const required = Object.entries(blocksOf<[object]>("variable")).filter(([, [block]]) => !("default" in block));
  expect(Object.keys(given).filter((name) => !variables.includes(name))).toEqual([]);
  expect(required.map(([name]) => name).filter((name) => !(name in given))).toEqual(["namespace"]);
});

test.each([
  ["sns-sqs", ""],
  ["sns-sqs-fifo", ".fifo"],
] as const)("on %s, what it makes is what the services look for", async (road, ending) => {
  const settings = { namespace: "prod", snsSqs: { region: "us-east-1" } };
  await using broker = await openTopology(road, settings, demandOn("sns-sqs"));
  const named = (name: string) => `prod-${name}${ending}`;
  const resources = blocksOf<Record<string, [Readonly<Record<string, string>>]>>("resource");
  const [[queueBlock = {}] = [], [topicBlock = {}] = []] = [
    resources.aws_sqs_queue?.main,
    resources.aws_sns_topic?.main,
  ];
  const whereFifo = (settings: Readonly<Record<string, string | undefined>>) =>
    ending === "" ? {} : Object.fromEntries(Object.entries(settings).map(([name, text]) => [name, valueOnFifo(text)]));
  const retention = { MessageRetentionPeriod: String(given.dead_letter_retention_days * 86_400) };
  const made = [
    ...Object.keys(given.topics).map((topic) => ({
      name: named(topic),
      settings: whereFifo({ FifoThroughputScope: topicBlock.fifo_throughput_scope }),
    })),
    ...Object.entries(given.queues).flatMap(([group, queue]) => {
      const topics = queue.topics.map(named);
      const admits = topics.join(" ");
      return [
        {
          name: named(group),
          settings: {
            VisibilityTimeout: String(given.visibility_timeout_seconds),
            ReceiveMessageWaitTimeSeconds: String(given.receive_wait_time_seconds),
            MessageRetentionPeriod: String(given.retention_days * 86_400),
            ...whereFifo({
              DeduplicationScope: queueBlock.deduplication_scope,
              FifoThroughputLimit: queueBlock.fifo_throughput_limit,
            }),
            maxReceiveCount: String(queue.max_receive_count),
            deadLetterQueue: named(`${group}-dlq`),
            admits,
          },
        },
        { name: named(`${group}-dlq`), settings: retention },
        { name: named(`${group}-undelivered`), settings: { ...retention, admits } },
        ...topics.map((topic) => ({
          name: `${topic} → ${named(group)}`,
          settings: { RawMessageDelivery: "true", deadLetterQueue: named(`${group}-undelivered`) },
        })),
      ];
    }),
  ];
  const byName = (one: { readonly name: string }, other: { readonly name: string }) => (one.name < other.name ? -1 : 1);
  expect(broker.declared.map(({ name, settings }) => ({ name, settings })).sort(byName)).toEqual(made.sort(byName));
});

test("every queue is encrypted, every policy refuses plain text, and every group has its three alarms", () => {
  const resources = blocksOf<Record<string, [object]>>("resource");
  const all = (type: string) => Object.values(resources[type] ?? {}).map(([block]) => block);
  expect(all("aws_sqs_queue").map((queue) => "sqs_managed_sse_enabled" in queue)).toEqual([true, true, true]);
  expect(all("aws_sns_topic")[0]).toHaveProperty("kms_master_key_id");
  expect(all("aws_sns_topic_subscription")[0]).toMatchObject({ raw_message_delivery: true });
  expect(all("aws_sns_topic_subscription")[0]).toHaveProperty("redrive_policy");
  expect(all("aws_cloudwatch_metric_alarm")).toHaveLength(3);
  const documents = Object.values(blocksOf<object>("data").aws_iam_policy_document ?? {});
  expect(documents).toHaveLength(3);
  for (const document of documents) expect(JSON.stringify(document)).toContain('"variable":"aws:SecureTransport"');
});

/** `a` of `${var.fifo ? "a" : null}`. */
function valueOnFifo(expression = ""): string | undefined {
  return /^\$\{var\.fifo \? "(\w+)" : null\}$/.exec(expression)?.[1];
}

/** The blocks of one kind in all files together. */
function blocksOf<Block extends object>(kind: string): Record<string, Block> {
  const merged: Record<string, Block> = {};
  for (const blocks of parsed) {
    for (const [name, block] of Object.entries((blocks[kind] ?? {}) as Record<string, Block>)) {
      merged[name] = Array.isArray(block) ? block : { ...merged[name], ...block };
    }
  }
  return merged;
}

function namesIn(kind: string): string[] {
  // hcl2json makes a list of the locals blocks, and an object of all others.
  if (kind === "locals") return parsed.flatMap(({ locals }) => Object.values(locals ?? {}).flatMap(namesOf));
  const blocks = Object.entries(blocksOf(kind));
  if (kind === "variable") return blocks.map(([name]) => name);
  return blocks.flatMap(([type, named]) => Object.keys(named).map((name) => `${type}.${name}`));
}

function namesOf(block: unknown): string[] {
  return Object.keys(block as object);
}

function expressionsIn(value: unknown): string[] {
  if (typeof value === "string") return value.includes("${") ? [value] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(expressionsIn);
}

/** Without what follows the name, and without what only its own expression knows: `each.key`, the variables of a for. */
async function referencesIn(expression: string): Promise<string[]> {
  const references = await getReferencesInExpression("main.tf", expression);
  return references
    .map(({ value }) => value.replaceAll(/\[.*/gs, ""))
    .filter((value) => /^(var|local|data|aws_\w+)\./.test(value))
    .map((value) =>
      value
        .split(".")
        .slice(0, value.startsWith("data.") ? 3 : 2)
        .join("."),
    );
}
