import { type Course, notes } from "./history.ts";
import { type Html, html } from "./html.ts";

/** A pixel for each note. */
const [width, height] = [notes, 24];

/** The course of what waited, or how long, as a small line up to now, which is at the right, and the most that it was. */
export function courseLine(course: Course, words: (value: number) => string = inFull): Html {
  const known = course.filter((value) => value !== undefined);
  const most = Math.max(...known);
  if (known.length < 2 || most === 0) return html`<span class="dim">–</span>`;
  const label = `at most ${words(most)} in the last ten minutes`;
  return html`<svg class="course" viewBox="0 -2 ${width} ${height + 4}" role="img" aria-label="${label}">
    <path d="${pathOf(course, most)}"/></svg> <small class="dim" aria-hidden="true">≤ ${words(most)}</small>`;
}

/** Broken where nothing is known. The newest point is at the right edge. */
function pathOf(course: Course, most: number): string {
  const start = width - course.length;
  let isDrawing = false;
  return course
    .map((value, index) => {
      if (value === undefined) {
        isDrawing = false;
        return "";
      }
      const point = `${isDrawing ? "L" : "M"}${start + index} ${(height - (value / most) * height).toFixed(1)}`;
      isDrawing = true;
      return point;
    })
    .join("");
}

function inFull(value: number): string {
  return value.toLocaleString("en");
}
