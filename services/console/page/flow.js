/** Draws the ways between the places as lines on which messages travel. */
const lines = new Map();
const dotsPerSecond = 8;
const speed = 70;

function draw() {
  const map = document.querySelector(".map");
  const picture = map.querySelector("svg");
  const ways = JSON.parse(map.dataset.ways);
  for (const id of lines.keys()) if (!ways.some((way) => idOf(way) === id)) erase(id);
  for (const way of ways) {
    const line = lines.get(idOf(way)) ?? add(picture, way);
    paint(line, way);
    arrange(line, map, way);
  }
}

function add(picture, way) {
  const [road, dots] = ["path", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  dots.classList.add("dots");
  picture.append(road, dots);
  lines.set(idOf(way), { road, dots });
  return { road, dots };
}

function erase(id) {
  for (const path of Object.values(lines.get(id))) path.remove();
  lines.delete(id);
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

/** From the right edge of a place to the left edge of the next. */
function arrange({ road, dots }, map, { from, to }) {
  const origin = map.getBoundingClientRect();
  const [start, end] = [from, to].map((id) => map.querySelector(`[data-place="${id}"]`).getBoundingClientRect());
  const [x1, x2] = [start.right - origin.left, end.left - origin.left];
  const [y1, y2] = [start.top + start.height / 2 - origin.top, end.top + end.height / 2 - origin.top];
  const bend = (x2 - x1) / 2;
  const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  if (road.getAttribute("d") === d) return;
  road.setAttribute("d", d);
  dots.setAttribute("d", d);
}

function idOf({ from, to }) {
  return `${from} → ${to}`;
}

document.addEventListener("shown", draw);
// Drawn at once, and anew when the window changes.
new ResizeObserver(draw).observe(document.querySelector("#flow"));
