import { chaosMs, type Fault } from "./plan.ts";
import { breakConnections } from "./postgres/pool.ts";
import type { Service, ServiceName } from "./service.ts";
import { type Actor, actors, type World } from "./world.ts";

/** A place for one process of a service: when one dies, the next is started. */
export type Berth = {
  readonly service: ServiceName;
  /** The process that runs there now. */
  readonly actor: Actor;
  /** Undefined while it starts. */
  readonly running: Service | undefined;
  readonly crashes: number;
  crash(restartInMs: number): void;
  /** Ends it in good order, as a deployment does. */
  restart(): void;
};

export type FleetNeeds = {
  readonly world: World;
  readonly start: (service: ServiceName) => Promise<Service>;
};

export function openBerth(name: string, service: ServiceName, { world, start }: FleetNeeds): Berth {
  let actor: Actor;
  let running: Service | undefined;
  let crashes = 0;
  launch();

  function launch(): void {
    const skewMs = world.random.chance(0.5) ? 0 : Math.round(world.random.between(-3_000, 3_000));
    const launched: Actor = { name, skewMs, isAlive: true, stoppedUntil: 0 };
    actor = launched;
    running = undefined;
    actors.run(launched, () => {
      start(service).then(
        (started) => {
          running = started;
        },
        (error: Error) => {
          world.note(() => `${name.padEnd(10)} cannot start: ${error.message}: ${error.cause}`);
          die(200);
        },
      );
    });
  }

  function die(restartInMs: number): void {
    const dead = actor;
    dead.isAlive = false;
    // What it had sent may arrive before the servers notice that it is gone.
    world.later(
      world.random.between(0, 20),
      undefined,
      () => `servers lose ${name}`,
      () => breakConnections(dead),
    );
    world.later(restartInMs, undefined, () => `starts ${name}`, launch);
  }

  return {
    service,
    get actor() {
      return actor;
    },
    get running() {
      return running;
    },
    get crashes() {
      return crashes;
    },
    crash(restartInMs) {
      if (!actor.isAlive) return;
      crashes += 1;
      world.note(() => `${name.padEnd(10)} CRASHES`);
      die(restartInMs);
    },
    restart() {
      const ending = running;
      if (ending === undefined || !actor.isAlive) return;
      running = undefined;
      world.note(() => `${name.padEnd(10)} is told to end`);
      actors.run(actor, () => {
        ending[Symbol.asyncDispose]().then(
          () => die(50),
          () => die(50),
        );
      });
    },
  };
}

/** What the adversary does to a process. */
export function strike(berth: Berth, fault: Fault, world: World): void {
  if (fault.kind === "crash") berth.crash(fault.forMs);
  if (fault.kind === "restart") berth.restart();
  if (fault.kind === "stop") {
    berth.actor.stoppedUntil = Math.min(world.now + fault.forMs, chaosMs + 500);
    world.note(() => `${berth.actor.name.padEnd(10)} STOPS for ${Math.round(fault.forMs)} ms`);
  }
}
