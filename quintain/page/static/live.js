// Keeps a page as the records are: it asks the server for the parts that change, and puts them in.
"use strict";

const LEAST_MS = 1000; // between two questions of one part
const SAY_MS = 10000; // between two words to a reader of the screen
const said = document.getElementById("said");
const away = document.getElementById("away");
let lastSaid = 0;

function say(text, now) {
  if (!text || said.textContent === text) return;
  if (!now && Date.now() - lastSaid < SAY_MS) return;
  lastSaid = Date.now();
  said.textContent = text;
}

// What a person has opened, ticked or reached stays so while the part around it is exchanged.
function exchange(part, html) {
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const opened = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  const ticked = [...part.querySelectorAll("input:checked[id]")].map((each) => each.id);
  const regions = [...part.querySelectorAll("[role=region]")];
  const scrolled = new Map(regions.map((r) => [r.getAttribute("aria-label"), r.scrollLeft]));
  const label = active && active.getAttribute("aria-label");
  const id = active && active.id;
  part.innerHTML = html;
  for (const each of opened) document.getElementById(each)?.setAttribute("open", "");
  for (const each of ticked) {
    const box = document.getElementById(each);
    if (box) box.checked = true;
  }
  for (const each of part.querySelectorAll("[role=region]")) {
    each.scrollLeft = scrolled.get(each.getAttribute("aria-label")) || 0;
  }
  const again = id
    ? document.getElementById(id)
    : label && [...part.querySelectorAll("[aria-label]")].find((each) => each.getAttribute("aria-label") === label);
  if (again) again.focus({ preventScroll: true });
}

// One part: asks at most once a second, and rests for three times what an answer took.
class Part {
  constructor(element) {
    this.element = element;
    this.waiting = null;
    this.rest = LEAST_MS;
    this.asked = 0;
  }

  soon() {
    if (this.waiting !== null) return;
    const wait = Math.max(0, this.asked + this.rest - Date.now());
    this.waiting = setTimeout(() => this.ask(), wait);
  }

  async ask() {
    const began = Date.now();
    try {
      const answer = await fetch(this.element.dataset.live, { headers: { Accept: "text/html" } });
      away.hidden = true;
      if (answer.status === 401) location.reload();
      if (answer.status === 404) say("This sweep is gone.", true);
      if (answer.ok) {
        exchange(this.element, await answer.text());
        this.element.dataset.seen = String(Number(this.element.dataset.seen || 0) + 1);
        say(this.element.querySelector("[data-said]")?.dataset.said, false);
      }
    } catch {
      away.hidden = false;
    }
    this.asked = Date.now();
    this.rest = Math.max(LEAST_MS, 3 * (this.asked - began));
    this.waiting = null;
  }
}

// A browser has few connections to one host: a page that nobody sees holds none.
function whileSeen(begin, end) {
  const turn = () => (document.hidden ? end() : begin());
  document.addEventListener("visibilitychange", turn);
  window.addEventListener("pagehide", end);
  turn();
}

function follow(part, address) {
  let stream = null;
  let over = false;
  let settle = null;
  let last = "";
  const begin = () => {
    if (over || stream) return;
    stream = new EventSource(last ? address.replace(/after=\d+/, `after=${last}`) : address);
    stream.addEventListener("entry", (event) => {
      last = event.lastEventId;
      part.soon();
      clearTimeout(settle); // a large sweep may be shown some seconds late
      settle = setTimeout(() => part.soon(), 4000);
    });
    for (const kind of ["end", "gone"]) {
      stream.addEventListener(kind, () => {
        over = true;
        close();
        part.soon();
        setTimeout(() => part.soon(), 3000);
      });
    }
    stream.addEventListener("open", () => part.soon());
    stream.addEventListener("error", () => { away.hidden = document.hidden || over; });
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  whileSeen(begin, close);
}

function every(part, seconds) {
  let timer = null;
  whileSeen(
    () => { timer ??= setInterval(() => part.soon(), 1000 * seconds); },
    () => { clearInterval(timer); timer = null; },
  );
}

async function wait(element) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    try {
      const answer = await fetch(element.dataset.wait);
      away.hidden = true;
      if (answer.status === 202) continue;
      element.innerHTML = await answer.text();
      delete element.dataset.wait;
      say("It is made.", true);
      if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      return;
    } catch {
      away.hidden = false;
    }
  }
}

for (const element of document.querySelectorAll("[data-live]")) {
  const part = new Part(element);
  if (element.dataset.events) follow(part, element.dataset.events);
  if (element.dataset.every) every(part, Number(element.dataset.every));
}
for (const element of document.querySelectorAll("[data-wait]")) wait(element);
