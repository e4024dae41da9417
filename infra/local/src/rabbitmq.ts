import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startChild } from "./child.ts";
import { asUser } from "./command-line.ts";
import { giveTo } from "./owner.ts";

const debian = "/usr/lib/rabbitmq/bin/";

/** PEM files. With them the node takes nobody without TLS, and nobody whose certificate is not of this authority. */
export type TlsFiles = { readonly ca: string; readonly cert: string; readonly key: string };

export type RabbitmqBroker = Broker & {
  /** What `rabbitmqctl` does and answers: `control("set_vm_memory_high_watermark", "0.4")`. */
  control(...args: string[]): Promise<string>;
};

/**
 * A RabbitMQ node of our own, never the machine's service: own name, data and ports, of which the three above `port`
 * are its page, its distribution and its name server.
 */
export async function startRabbitmq({
  port,
  dataDir,
  log,
  tls,
}: BrokerOptions & { readonly tls?: TlsFiles }): Promise<RabbitmqBroker> {
  const [pagePort, distributionPort, epmdPort] = [port + 1, port + 2, port + 3];
  const isDebianRoot = process.getuid?.() === 0 && existsSync(`${debian}rabbitmq-server`);
  const program = (name: string) => (existsSync(debian + name) ? debian + name : name);
  const user = isDebianRoot ? "rabbitmq" : undefined;
  const home = join(dataDir, "data");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "rabbitmq.conf"), configuration(port, pagePort, tls));
  writeFileSync(join(home, "plugins"), "[rabbitmq_management].\n");
  if (user) giveTo(user, [home, join(home, "rabbitmq.conf"), join(home, "plugins"), ...Object.values(tls ?? {})]);

  const env = { HOME: home, ERL_EPMD_ADDRESS: "127.0.0.1", ERL_EPMD_PORT: `${epmdPort}` };
  const names = { command: "epmd", args: ["-address", "127.0.0.1", "-port", `${epmdPort}`], user, env };
  const epmd = await startChild(
    { name: "RabbitMQ's name server", ports: [epmdPort], ...names },
    { dataDir: join(dataDir, "epmd"), log },
  );
  try {
    const node = await startChild(
      {
        name: "RabbitMQ",
        command: program("rabbitmq-server"),
        args: [],
        env: { ...env, ...nodeSettings(home, port, distributionPort) },
        user,
        ports: [port, pagePort, distributionPort],
        ready: /Server startup complete/,
      },
      { dataDir, log },
    );
    const stop = async () => {
      await node[Symbol.asyncDispose]();
      await epmd[Symbol.asyncDispose]();
    };
    return {
      pid: node.pid,
      url: `${tls ? "amqps" : "amqp"}://throughline:throughline@127.0.0.1:${port}`,
      async control(...args) {
        const settings = { ...env, ...nodeSettings(home, port, distributionPort) };
        const { command, args: all } = asUser({ command: program("rabbitmqctl"), args, user });
        const { stdout } = await promisify(execFile)(command, [...all], { env: { ...process.env, ...settings } });
        return stdout;
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await epmd[Symbol.asyncDispose]();
    throw error;
  }
}

function configuration(port: number, pagePort: number, tls?: TlsFiles): string {
  return `${tls ? tlsListener(port, tls) : `listeners.tcp.local = 127.0.0.1:${port}`}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${pagePort}
default_user = throughline
default_pass = throughline
log.console = true
log.console.level = info
`;
}

function tlsListener(port: number, { ca, cert, key }: TlsFiles): string {
  return `listeners.tcp = none
listeners.ssl.local = 127.0.0.1:${port}
ssl_options.cacertfile = ${ca}
ssl_options.certfile = ${cert}
ssl_options.keyfile = ${key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true`;
}

function nodeSettings(home: string, port: number, distributionPort: number): Record<string, string> {
  return {
    RABBITMQ_NODENAME: `throughline-${port}@localhost`,
    RABBITMQ_MNESIA_BASE: home,
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_LOGS: "-",
    RABBITMQ_CONFIG_FILE: join(home, "rabbitmq.conf"),
    RABBITMQ_CONF_ENV_FILE: join(home, "no-machine-wide-settings"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "plugins"),
    RABBITMQ_PID_FILE: join(home, "node.pid"),
    RABBITMQ_DIST_PORT: `${distributionPort}`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    // Makes the start script become the node, so that our signals and pid are the node's own.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_START_ARGS: "-noinput +B i",
  };
}
