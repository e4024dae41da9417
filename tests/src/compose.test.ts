import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";

type Container = {
  readonly build?: object;
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly mem_limit?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly user?: string;
};

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const { services } = parse(read("docker-compose.yml"), { merge: true }) as { services: Record<string, Container> };
const containers = Object.entries(services);
const ours = containers.filter(([, { build }]) => build !== undefined);

/** As documented: whoever moves one breaks what others have written down. */
const ports = {
  console: [14_000, 14_050],
  order: [14_001],
  billing: [14_002],
  inventory: [14_003],
  analytics: [14_004],
  "payment-provider": [14_009],
  postgres: [14_010],
  kafka: [14_020],
  rabbitmq: [14_030, 14_031],
  "sns-sqs": [14_040],
  jaeger: [14_051],
  prometheus: [],
  grafana: [14_060],
};

test("every port is the documented one, and only this machine reaches it", () => {
  const published = containers.map(([name, { ports = [] }]) => [
    name,
    ports.map((port) => Number(/^127\.0\.0\.1:(\d+):\d+$/.exec(port)?.[1])),
  ]);
  expect(Object.fromEntries(published)).toEqual(ports);
});

test("spans of every service go to the console, which tells orders' stories from them and hands them on", () => {
  const { console, ...others } = services;
  const senders = Object.values(others).flatMap(
    ({ environment = {} }) => environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? [],
  );
  const { OTLP_PORT, OTLP_FORWARD_URL, OTEL_EXPORTER_OTLP_ENDPOINT } = console?.environment ?? {};
  expect(senders).toEqual(Array(4).fill(`http://console:${OTLP_PORT}`));
  expect([OTLP_FORWARD_URL, OTEL_EXPORTER_OTLP_ENDPOINT]).toEqual(["http://jaeger:4318", "http://jaeger:4318"]);
});

test("what a person sets for all services reaches each of them, and is absent where nobody does", () => {
  const names = ["BAGGAGE_KEYS", "PARK_TYPES", "LINK_TYPES"];
  const handedOn = Object.fromEntries(names.map((name) => [name, `\${${name}:-}`]));
  const told = Object.values(services).filter(({ environment }) => environment?.OTEL_SERVICE_NAME !== undefined);
  expect(told).toHaveLength(5);
  for (const { environment } of told) expect(environment).toMatchObject(handedOn);
});

test("every container says when it is healthy, and whoever needs it waits for that", () => {
  expect(containers.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
  const conditions = containers.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
  expect(conditions.length).toBeGreaterThan(0);
  for (const [name, { condition }] of conditions) expect([name, condition]).toEqual([name, "service_healthy"]);
  for (const [name] of conditions) expect(services).toHaveProperty(name);
});

test("all containers that start by default stay under 2 GiB together", () => {
  const started = containers.filter(([, { profiles }]) => profiles === undefined);
  const limits = started.map(([, { mem_limit = "" }]) => Number(/^(\d+)m$/.exec(mem_limit)?.[1]));
  expect(limits).not.toContain(Number.NaN);
  expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThan(2_048);
});

test("our own containers write nowhere but in their volumes, and have no rights", () => {
  expect(ours).toHaveLength(7);
  for (const [, container] of ours) {
    expect(container).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    expect(container.user ?? "node").not.toMatch(/^(root|0)\b/);
  }
  const users = [...read("infra/docker/Dockerfile").matchAll(/^USER (\w+)/gm)].map(([, user]) => user);
  expect(users.at(-1)).toBe("node");
});

test("every image of others is of a fixed version", () => {
  const images = containers.flatMap(([, { image }]) => image ?? []);
  expect(images.filter((image) => !/:v?\d+(\.\d+)+(-\w+)?$/.test(image))).toEqual([]);
});
