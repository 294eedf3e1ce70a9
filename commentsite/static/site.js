// What the page can do beyond its links and forms. All of it is an addition: where a part of it fails, or this
// module is not there at all, the link or the form beneath it does its work.

const LANGUAGE = document.documentElement.lang;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

/** Returns the page that the server answers with. Throws for every other answer. */
async function pageAt(url, options) {
  const signal = AbortSignal.timeout(10 * SECOND);
  const answer = await fetch(url, { headers: { Accept: "text/html" }, signal, ...options });
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
  return parsed(await answer.text());
}

// Replies and edits in place: the form behind a link opens below the comment, and closes again.

const formOf = new WeakMap(); // what was typed into a form that was closed is there when it opens again

function openOrCloseForm(event, link) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (formOf.get(link)?.isConnected) closeForm(link);
  else if (!link.ariaBusy) openForm(link);
}

async function openForm(link) {
  link.ariaBusy = "true";
  try {
    if (!formOf.has(link)) formOf.set(link, await formAt(link));
    const form = formOf.get(link);
    link.closest("p").after(form);
    markOpen(link, true);
    begin(form);
    form.elements.content.focus();
  } catch {
    location.assign(link.href);
  }
  link.ariaBusy = null;
}

async function formAt(link) {
  const page = await pageAt(link.href);
  const form = document.adoptNode(page.querySelector("form.comment-form"));
  const cancel = made("button", { type: "button", className: "second", textContent: "Cancel" });
  cancel.addEventListener("click", () => closeForm(link));
  form.querySelector(".actions").append(" ", cancel);
  return form;
}

function closeForm(link) {
  formOf.get(link).remove();
  markOpen(link, false);
  link.focus();
}

/** Says at a link whether its form is open. The form of a change stands in for the text. */
function markOpen(link, isOpen) {
  link.ariaExpanded = isOpen;
  if (formOf.get(link).elements.revision) link.closest("article").querySelector(".comment-text").hidden = isOpen;
}

// Drafts: what is typed stays in this browser until it is posted.

const DRAFT = "commentsite draft ";
const SENT = "commentsite sent";
const DRAFT_AGE = 30 * DAY;
const SENT_AGE = 5 * SECOND;

/** Returns what `act` does with the browser's storage; null where that is shut or full, so there are no drafts. */
function stored(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

function draftAt(key) {
  return stored(() => JSON.parse(localStorage.getItem(key)));
}

function draftKey({ action, elements: { parent, revision } }) {
  return DRAFT + [new URL(action).pathname, parent?.value, revision?.value].join(" ");
}

/** Keeps what is in a form, and what was there before the writer began: nothing, or the text that is to change. */
function keepDraft(form) {
  const key = draftKey(form);
  const { value: text, defaultValue } = form.elements.content;
  const before = draftAt(key)?.before ?? (form.elements.revision ? defaultValue : "");
  stored(() => {
    if (text === before) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ text, before, at: Date.now() }));
  });
}

/** Puts a draft back into its form, but not over a text: one that the server gave back, or the browser. */
function restoreDraft(form) {
  const field = form.elements.content;
  const draft = draftAt(draftKey(form));
  if (draft && field.value === draft.before && field.defaultValue === draft.before) field.value = draft.text;
}

/** Drops the draft that was posted, and those that nobody came back to.
 *
 * It was posted if sending it led straight to a page that names its comment. Wherever else it led, the draft stays:
 * to the text refused, to a site that is away, to the browser's own page about a lost connection.
 */
function dropDrafts() {
  const sent = stored(() => JSON.parse(sessionStorage.getItem(SENT)));
  const leftAt = Date.now() - performance.now();
  const isPosted = location.hash.startsWith("#comment-") && document.getElementById(location.hash.slice(1));
  stored(() => {
    sessionStorage.removeItem(SENT);
    if (isPosted && Math.abs(leftAt - sent?.at) < SENT_AGE) localStorage.removeItem(sent.key);
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(DRAFT) && !(draftAt(key)?.at > Date.now() - DRAFT_AGE)) localStorage.removeItem(key);
    }
  });
}

// The preview: asked for by its button, it then follows the typing. Until then nothing is sent.

const previewOf = new WeakMap();

function openOrClosePreview(event, form, button) {
  const isOpen = previewOf.has(form);
  if (!form.requestSubmit || !(isOpen || form.checkValidity())) return; // the browser says what is missing
  event.preventDefault();
  if (isOpen) closePreview(form);
  else openPreview(form, button);
}

function openPreview(form, button) {
  const text = made("div", { className: "comment-text" });
  const title = made("p", { className: "field-label", textContent: "Preview" });
  const section = made("section", { className: "preview", ariaLabel: "Preview" }, title, text);
  previewOf.set(form, { button, section, text });
  refreshPreview(form);
}

function closePreview(form) {
  const { button, section, timer } = previewOf.get(form);
  previewOf.delete(form);
  clearTimeout(timer);
  section.remove();
  button.ariaExpanded = false;
}

/** Shows what the server makes of the text: one request at a time, and none for a text that is shown already. */
async function refreshPreview(form) {
  const preview = previewOf.get(form);
  const field = form.elements.content;
  const typed = field.value;
  if (!preview || preview.isBusy || typed === preview.typed) return;
  preview.isBusy = true;
  const nodes = await (typed.trim() ? previewed(form) : []);
  if (previewOf.get(form) !== preview) return; // closed meanwhile
  preview.isBusy = false;
  if (!nodes) return giveUpPreview(form, preview);
  preview.typed = typed;
  preview.text.replaceChildren(...nodes);
  preview.button.ariaExpanded = true;
  if (!preview.section.isConnected) field.closest(".field").after(preview.section);
  if (field.value !== typed) refreshSoon(form);
}

/** Returns what the text of a form becomes; null where the server does not say. */
async function previewed(form) {
  const body = new URLSearchParams(new FormData(form));
  body.set("preview", "yes");
  try {
    const page = await pageAt(form.action, { method: "POST", body });
    return document.adoptNode(page.querySelector(".preview .comment-text")).childNodes;
  } catch {
    return null;
  }
}

/** Closes a preview that would be one of an older text; if it never came, the button does what it does by itself. */
function giveUpPreview(form, { button, typed }) {
  closePreview(form);
  if (typed === undefined) form.requestSubmit(button);
}

function refreshSoon(form) {
  const preview = previewOf.get(form);
  if (!preview) return;
  clearTimeout(preview.timer);
  preview.timer = setTimeout(refreshPreview, 600, form);
}

// Sending: once, whatever is pressed twice.

function send({ target: form, submitter }) {
  // The button that has a value must stay as it is, or the value is not sent.
  for (const button of form.querySelectorAll("button")) button.disabled = button !== submitter || !button.name;
  setTimeout(release, 10 * SECOND); // for a writer who stopped it, and has the form still before them
  if (form.elements.content && !submitter?.name) {
    stored(() => sessionStorage.setItem(SENT, JSON.stringify({ key: draftKey(form), at: Date.now() })));
  }
}

function release() {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
}

// New comments: the page asks now and then whether there are more, and says so.

const SHORTEST_WAIT = 30 * SECOND;
const LONGEST_WAIT = 10 * MINUTE;

function watch(news) {
  let count = countIn(document);
  let newCount = 0;
  let tag = null;
  let wait = SHORTEST_WAIT;
  let asked = Date.now();
  let notBefore = 0;
  let isAsking = false;
  let timer;

  function plan() {
    clearTimeout(timer);
    const pause = Math.max(asked + wait, notBefore) - Date.now();
    if (!document.hidden && !isAsking) timer = setTimeout(ask, Math.min(pause, DAY)); // longer ones end at once
  }

  async function ask() {
    isAsking = true;
    asked = Date.now();
    wait = Math.min(wait * 1.5, LONGEST_WAIT);
    await take().catch(() => {}); // away for a moment: the next time is further off already
    isAsking = false;
    plan();
  }

  async function take() {
    const answer = await fetchForAll(location.pathname + location.search, tag);
    if (answer.status === 304) return;
    notBefore = timeToRetry(answer.headers.get("Retry-After"));
    const now = answer.ok ? countIn(parsed(await answer.text())) : NaN;
    if (now > count) {
      newCount += now - count;
      wait = SHORTEST_WAIT;
      announce(news, newCount);
    }
    if (now >= 0) [count, tag] = [now, answer.headers.get("ETag")]; // also down, or a deletion would hide a new one
  }

  document.addEventListener("visibilitychange", () => {
    wait = SHORTEST_WAIT;
    plan();
  });
  plan();
}

/** Asks for the page as everybody has it: without cookies the server knows by the tag alone whether it changed. */
function fetchForAll(url, tag) {
  const signal = AbortSignal.timeout(20 * SECOND);
  return fetch(url, { credentials: "omit", cache: "no-store", headers: tag ? { "If-None-Match": tag } : {}, signal });
}

function countIn(page) {
  return Number(page.querySelector("section.comments")?.dataset.count ?? NaN);
}

/** Returns the time before which a server wants to be left alone: it says seconds, or a date, or nothing. */
function timeToRetry(header) {
  return Date.now() + Number(header) * SECOND || Date.parse(header) || 0;
}

function announce(news, count) {
  const link = news.firstElementChild ?? news.appendChild(made("a", { href: news.dataset.href }));
  link.textContent = count === 1 ? "1 new comment" : `${count} new comments`;
}

// Times: beside each, how long ago that is, and what the reader's own clocks said. It is read as part of its line;
// nothing says so when it changes.

const UNITS = { year: 365.25 * DAY, month: 30.4375 * DAY, day: DAY, hour: HOUR, minute: MINUTE };
const relative = new Intl.RelativeTimeFormat(LANGUAGE);

function ago(moment) {
  const age = Date.now() - moment;
  if (age < -MINUTE) return ""; // the reader's clock is wrong
  const unit = Object.keys(UNITS).find((name) => age >= UNITS[name]);
  return unit ? relative.format(-Math.floor(age / UNITS[unit]), unit) : "just now";
}

/** Returns a function that says day and time of a moment on the clocks of a zone, undefined for the reader's. */
function clock(timeZone) {
  const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeZone });
  const time = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short", hourCycle: "h23", timeZone });
  return (moment) => [day.format(moment), time.format(moment)];
}

function addAges() {
  const ofReader = clock();
  const ofSite = clock(document.documentElement.dataset.zone);
  const writers = [...document.querySelectorAll("main time[datetime]")].map((element) => {
    const moment = new Date(element.dateTime);
    const note = noteAt(element);
    const [day, time] = ofReader(moment);
    const [siteDay, siteTime] = ofSite(moment);
    const own = day !== siteDay ? `${day}, ${time} your time` : time !== siteTime ? `${time} your time` : "";
    return () => (note.textContent = [ago(moment), own].map((part) => part && ` · ${part}`).join(""));
  });
  const write = () => document.hidden || writers.forEach((each) => each());
  write();
  setInterval(write, MINUTE);
  document.addEventListener("visibilitychange", write);
}

/** Returns a new element at the end of what says the time; beside the link, whose name stays. */
function noteAt(element) {
  const note = made("span", { className: "ago" });
  const holder = element.closest("a, .edited, .comment-meta") ?? element.parentElement;
  if (holder.matches("a")) holder.after(note);
  else holder.append(note);
  return note;
}

// Begin.

function begin(form) {
  restoreDraft(form);
  form.querySelector("[name=preview]").ariaExpanded = previewOf.has(form);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("a.in-place, .comment-form [name=preview]");
  if (target?.matches("a")) openOrCloseForm(event, target);
  else if (target) openOrClosePreview(event, target.form, target);
});

document.addEventListener("input", ({ target }) => {
  if (!target.matches(".comment-form textarea")) return;
  keepDraft(target.form);
  refreshSoon(target.form);
});

document.addEventListener("keydown", ({ target, key, ctrlKey, metaKey, isComposing }) => {
  if (key !== "Enter" || !(ctrlKey || metaKey) || isComposing || !target.matches(".comment-form textarea")) return;
  target.form.querySelector("[type=submit]").click();
});

document.addEventListener("submit", send);
window.addEventListener("pageshow", release);

// Each by itself: one that fails does not keep the others from beginning.
queueMicrotask(dropDrafts);
queueMicrotask(() => document.querySelectorAll(".comment-form").forEach(begin));
queueMicrotask(addAges);
queueMicrotask(() => document.querySelectorAll(".news").forEach(watch));
