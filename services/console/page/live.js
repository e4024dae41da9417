/** Keeps what is in the frame as the console would send it now: what has not changed is left alone, so nothing is lost. */
const [live, who, state] = ["live", "who", "state"].map((id) => document.getElementById(id));
let events;
let next;

function listen() {
  events = new EventSource(location.href);
  events.onopen = () => say("live");
  events.onmessage = ({ data }) => {
    next = JSON.parse(data);
    show();
  };
  events.onerror = () => {
    say("the console does not answer; trying again …", "bad");
    events.close();
    setTimeout(followUnlessSignedOut, 1_000);
  };
}

/** Who has signed out, in whichever window, is sent to sign in, unless they would lose what they have written. */
async function followUnlessSignedOut() {
  const page = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
  if (!page?.redirected) follow();
  else if (fields().some(isWritten)) say("you have to sign in again, which you can do in another window", "bad");
  else location.reload();
}

/** A page that nobody sees gives its connection back: a browser has six for all pages of a host. */
function follow() {
  events?.close();
  if (!document.hidden) listen();
}

function say(sentence, mood = "dim") {
  state.textContent = sentence;
  state.className = mood;
  // What has lost its colours is not of this moment, and can be read as well as before.
  live.ariaBusy = String(mood === "bad");
}

function show() {
  if (next === undefined || isInUse()) return;
  const shown = next;
  next = undefined;
  const focused = document.activeElement.getAttribute("href");
  updateChildren(live, bodyOf(shown.markup));
  updateChildren(who, bodyOf(shown.who));
  // The focus stays with what it was on, which may have moved.
  if (document.activeElement.getAttribute("href") !== focused)
    live.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  document.dispatchEvent(new Event("shown"));
  if (shown.isLive) return;
  document.removeEventListener("visibilitychange", follow);
  events.close();
  say("");
}

function bodyOf(markup) {
  return new DOMParser().parseFromString(markup, "text/html").body;
}

/** Somebody writes, has written, or has marked something to copy it. */
function isInUse() {
  const isTouched = (field) => field === document.activeElement || isWritten(field);
  return fields().some(isTouched) || !getSelection().isCollapsed;
}

function fields() {
  return [...live.querySelectorAll("input:not([type=hidden]), textarea")];
}

function isWritten(field) {
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

function update(known, wanted) {
  for (const { name, value } of wanted.attributes) known.setAttribute(name, value);
  for (const name of known.getAttributeNames()) {
    // What a person has opened stays open.
    if (!wanted.hasAttribute(name) && name !== "open") known.removeAttribute(name);
  }
  // What a script has drawn is not the console's.
  if (known.dataset.drawn === undefined) updateChildren(known, wanted);
}

function updateChildren(known, wanted) {
  const [olds, children] = [[...known.childNodes], [...wanted.childNodes]];
  for (const [index, child] of children.entries()) {
    const old = olds[index];
    if (old === undefined) known.append(child);
    else if (old.isEqualNode(child)) continue;
    else if (old.nodeName === child.nodeName && old instanceof Element) update(old, child);
    else old.replaceWith(child);
  }
  for (const old of olds.slice(children.length)) old.remove();
}

document.addEventListener("visibilitychange", follow);
// What came while somebody wrote.
setInterval(show, 1_000);
follow();
