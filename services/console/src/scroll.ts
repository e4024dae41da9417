import { type Html, html } from "./html.ts";

/** A table that may be wider than the window, and is then moved by itself: also without a mouse. */
export function scroll(name: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;
}
