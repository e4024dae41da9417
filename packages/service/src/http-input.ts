import type { Request } from "express";
import type { z } from "zod";
import { type HttpProblem, problem } from "./http-problem.ts";

type Fault = { readonly path: string; readonly message: string };

/** The media types that are read as JSON. */
export const jsonTypes = ["application/json", "application/*+json"];

/** The request's JSON body as `schema` has it. Throws 415 for another media type and 400 with every fault by path. */
export function readBody<Body>(schema: z.ZodType<Body>, request: Request): Body {
  if (request.is(jsonTypes) === false && request.get("content-length") !== "0") {
    throw problem(415, "Unsupported Media Type", { detail: "Send JSON, with content-type: application/json" });
  }
  return read(schema, request.body, "The body");
}

/** The form that a page has sent, as `schema` has it. Throws 400 with every fault by path. */
export function readForm<Form>(schema: z.ZodType<Form>, request: Request): Form {
  return read(schema, request.body ?? {}, "The form");
}

/** The request's query parameters as `schema` has them. Throws 400 with every fault by path. */
export function readQuery<Query>(schema: z.ZodType<Query>, request: Request): Query {
  return read(schema, request.query, "The query");
}

function read<Value>(schema: z.ZodType<Value>, input: unknown, what: string): Value {
  const result = schema.safeParse(input);
  if (!result.success) {
    throw invalid(what, result.error.issues.flatMap(faultsOf));
  }
  if (!isStorable(result.data)) throw invalid(what, unstorable(result.data, []));
  return result.data;
}

/** Fields that a schema does not know are a fault each, at a path of their own. */
function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const at = (...names: string[]) => [...issue.path, ...names].join(".");
  if (issue.code !== "unrecognized_keys") return [{ path: at(), message: issue.message }];
  return issue.keys.map((name) => ({ path: at(name), message: "Unknown field" }));
}

/** Of more than a hundred faults, the first. */
function invalid(what: string, faults: readonly Fault[]): HttpProblem {
  const detail = `${what} has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}`;
  return problem(400, "Bad Request", { detail, errors: faults.slice(0, 100) });
}

/** False for text that JSON allows and Postgres refuses: U+0000 and half a surrogate pair. */
function isStorable(value: unknown): boolean {
  if (typeof value === "string") return !value.includes("\0") && value.isWellFormed();
  return typeof value !== "object" || value === null || Object.values(value).every(isStorable);
}

/** Where such text is: slower, because it keeps the path to everything it looks at. */
function unstorable(value: unknown, path: readonly string[]): Fault[] {
  if (isStorable(value)) return [];
  if (typeof value !== "object" || value === null) {
    return [{ path: path.join("."), message: "Contains U+0000 or an unpaired surrogate" }];
  }
  return Object.entries(value).flatMap(([key, member]) => unstorable(member, [...path, key]));
}
