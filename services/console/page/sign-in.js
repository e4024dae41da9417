// The link that the start prints has the token behind its #, which no browser sends and no server logs.
const token = location.hash.slice(1);
const form = document.querySelector("form.stack");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.token.value = token;
  form.requestSubmit();
}
