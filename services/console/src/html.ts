import { withoutPasswords } from "@throughline/service";

/** Markup that is safe to send. */
export type Html = { readonly markup: string };
type Content = Html | string | number | readonly Html[] | undefined;

/** A page, or a part of one. What is put in goes in as text without passwords, unless it is markup itself; nothing, where it is undefined. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const [first = "", ...others] = parts;
  return { markup: first + others.map((part, index) => markupOf(contents[index]) + part).join("") };
}

function markupOf(content: Content): string {
  if (content === undefined) return "";
  if (typeof content === "number") return String(content);
  if (typeof content === "string")
    return withoutPasswords(content).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return "markup" in content ? content.markup : content.map(({ markup }) => markup).join("");
}
