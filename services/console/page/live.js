/** Keeps the part of the page that is marked `live` as the console would send it now, without losing what is open. */
const everyMs = 2_000;
const live = document.getElementById("live");

setInterval(async () => {
  const isInUse = live.contains(document.activeElement) || !getSelection().isCollapsed;
  if (document.hidden || isInUse || live.dataset.done !== undefined) return;
  // What is dimmed is not of this moment.
  live.ariaBusy = String(!(await refresh().catch(() => false)));
}, everyMs);

async function refresh() {
  const response = await fetch(location.href);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = page.getElementById("live");
  if (next === null) return false;
  for (const { id } of live.querySelectorAll("details[open]")) page.getElementById(id)?.setAttribute("open", "");
  live.replaceChildren(...next.childNodes);
  if (next.dataset.done !== undefined) live.dataset.done = "";
  return true;
}
