import { element } from "./element.js";

const svg = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
const columns = { tells: "Who tells", carries: "Brokers", listens: "Who listens" };
const places = new Map();
const ways = new Map();
const dotsPerSecond = 8;
const speed = 70;

/** Draws the places as links in three columns, and the ways between them as lines on which messages travel. */
export function drawFlow(figure, { places: drawn, ways: lines, troubles }) {
  figure.querySelector(".troubles").replaceChildren(...troubles.map(troubleLine));
  if (
    !isSame(
      places,
      drawn.map(({ id }) => id),
    ) ||
    !isSame(ways, lines.map(idOf))
  )
    build(figure, drawn, lines);
  for (const place of drawn) fill(places.get(place.id), place);
  for (const way of lines) paint(ways.get(idOf(way)), way);
  arrange(figure);
}

function isSame(built, ids) {
  return built.size === ids.length && ids.every((id) => built.has(id));
}

function build(figure, drawn, lines) {
  const picture = svg("svg");
  picture.setAttribute("aria-hidden", "true");
  places.clear();
  ways.clear();
  const lists = Object.entries(columns).map(([column, title]) => {
    const list = element("ul", "");
    for (const { id } of drawn.filter((place) => place.column === column)) {
      const link = element("a", "place");
      places.set(id, link);
      list.append(element("li", "", link));
    }
    return element("div", "", element("h2", "", title), list);
  });
  for (const way of lines) {
    const [road, dots] = [svg("path"), svg("path")];
    dots.classList.add("dots");
    picture.append(road, dots);
    ways.set(idOf(way), { ...way, road, dots });
  }
  figure.querySelector(".map").replaceChildren(picture, ...lists);
}

function fill(link, { name, mood, perSecond, lines, href }) {
  link.href = href;
  link.className = `place ${mood}`;
  const rate = perSecond > 0 ? [element("span", "rate", `${perSecond.toLocaleString("en")}/s`)] : [];
  const more = lines.map(({ text, mood: own }) => element("span", own ?? "", text));
  link.replaceChildren(element("strong", "", name), ...rate, ...more);
}

/** One dot for each message, as long as an eye can tell them apart. */
function paint({ road, dots }, { perSecond, mood }) {
  road.setAttribute("class", `road ${mood}`);
  const rate = Math.min(perSecond, dotsPerSecond);
  // In steps, because a change of the distance makes the dots jump.
  const gap = rate === 0 ? 0 : Math.round(speed / 2 ** (Math.round(Math.log2(rate) * 2) / 2));
  if (dots.dataset.gap === String(gap)) return;
  dots.dataset.gap = String(gap);
  dots.style.display = gap === 0 ? "none" : "";
  dots.style.strokeDasharray = `0 ${gap}`;
  dots.style.setProperty("--gap", `${gap}px`);
  dots.style.animationDuration = `${gap / speed}s`;
}

/** Lines go from the right edge of a place to the left edge of the next. */
function arrange(figure) {
  const map = figure.querySelector(".map");
  const origin = map.getBoundingClientRect();
  for (const { from, to, road, dots } of ways.values()) {
    const [start, end] = [places.get(from).getBoundingClientRect(), places.get(to).getBoundingClientRect()];
    const [x1, x2] = [start.right - origin.left, end.left - origin.left];
    const [y1, y2] = [start.top + start.height / 2 - origin.top, end.top + end.height / 2 - origin.top];
    const bend = (x2 - x1) / 2;
    const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    if (road.getAttribute("d") === d) continue;
    road.setAttribute("d", d);
    dots.setAttribute("d", d);
  }
}

function troubleLine({ text, href, down }) {
  const link = element("a", down.length > 0 ? "bad" : "wait", text);
  link.href = href;
  return element("li", "", link);
}

function idOf({ from, to }) {
  return `${from} → ${to}`;
}

/** The lines follow the places when the window changes. */
export function followSize(figure) {
  new ResizeObserver(() => arrange(figure)).observe(figure);
}
