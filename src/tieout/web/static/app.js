// Makes pages live. Everything here is a convenience: without it every page works by reloading and plain forms.
"use strict";

(() => {
  const POLL_SECONDS = 10; // where the browser offers no locks or no stream
  const CALM_SECONDS = 2; // at most one refresh in so long
  const AGES_SECONDS = 60; // ages in words move on by themselves

  const html = window.trustedTypes
    ? window.trustedTypes.createPolicy("tieout", { createHTML: (text) => text })
    : { createHTML: (text) => text };

  const sign = document.getElementById("live");
  let mark = ""; // the ETag of the page as it is shown
  let asked = 0; // when it was last asked for
  let waiting = null;
  const shown = new Map(); // what each region showed when it came from the server

  // ── swapping what has changed ────────────────────────────────────────────────────────────────────────────────

  /** A region is left alone while somebody is working in it. */
  function inUse(region) {
    const focus = document.activeElement;
    if (focus && focus !== region && region.contains(focus) && focus.matches("input, textarea, select, button, summary")) return true;
    return region.querySelector("details[data-form][open], input[type=checkbox]:checked") !== null;
  }

  /** Which details of a region are open, by their place in it. */
  function opened(region) {
    return [...region.querySelectorAll("details")].map((one) => one.open);
  }

  function swap(page) {
    let changed = 0;
    for (const region of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(region.id);
      if (!fresh || fresh.innerHTML === shown.get(region.id) || inUse(region)) continue;
      shown.set(region.id, fresh.innerHTML);
      const open = opened(region);
      const scrolled = [...region.querySelectorAll(".wide")].map((one) => one.scrollLeft);
      region.replaceChildren(...document.importNode(fresh, true).childNodes);
      region.querySelectorAll("details").forEach((one, place) => { if (open[place]) one.open = true; });
      region.querySelectorAll(".wide").forEach((one, place) => { one.scrollLeft = scrolled[place] ?? 0; });
      changed += 1;
    }
    if (changed) stops();
    return changed;
  }

  async function refresh() {
    waiting = null;
    asked = Date.now();
    try {
      const answer = await fetch(location.href, {
        cache: "no-store",
        headers: mark ? { "If-None-Match": mark } : {},
        redirect: "error",
      });
      if (answer.status === 304) return tell("live");
      if (!answer.ok) return tell("still");
      mark = answer.headers.get("ETag") ?? "";
      const text = await answer.text();
      const page = new DOMParser().parseFromString(html.createHTML(text), "text/html");
      const now = page.querySelector("#live .live-word");
      if (now && sign) sign.querySelector(".live-word").textContent = now.textContent;
      swap(page);
      tell("live");
    } catch {
      tell("lost");
    }
  }

  /** Ask for the page again, soon, and not too often. */
  function soon() {
    if (waiting !== null || document.hidden) return;
    const rest = Math.max(0, asked + CALM_SECONDS * 1000 - Date.now());
    waiting = setTimeout(refresh, rest);
  }

  /** What does not scroll needs no stop on the way of the Tab key. */
  function stops() {
    for (const one of document.querySelectorAll(".wide[tabindex]")) one.tabIndex = one.scrollWidth > one.clientWidth ? 0 : -1;
  }

  function tell(state) {
    if (!sign) return;
    sign.dataset.state = state;
    const word = state === "lost" ? "no connection: " : "";
    const said = sign.querySelector(".live-lost");
    if (said.textContent !== word) said.textContent = word; // said once, also to those who do not see the dot
  }

  // ── hearing of changes: one tab owns the stream and tells the others ─────────────────────────────────────────

  function listen() {
    const others = new BroadcastChannel("tieout-live");
    others.onmessage = (message) => (message.data === "change" ? soon() : tell(message.data));
    navigator.locks.request("tieout-live", () => new Promise((release) => {
      const stream = new EventSource("/live");
      const all = (what) => { others.postMessage(what); others.onmessage({ data: what }); };
      stream.addEventListener("change", () => all("change"));
      stream.onopen = () => all("live");
      stream.onerror = () => {
        all("lost");
        if (stream.readyState === EventSource.CLOSED) { release(); setTimeout(listen, 5000); }
      };
      addEventListener("pagehide", () => { stream.close(); release(); });
    }));
  }

  function start() {
    if (!document.querySelector("[data-live]")) return;
    for (const region of document.querySelectorAll("[data-live][id]")) shown.set(region.id, region.innerHTML);
    if (navigator.locks && "BroadcastChannel" in window && "EventSource" in window) listen();
    else setInterval(soon, POLL_SECONDS * 1000);
    setInterval(soon, AGES_SECONDS * 1000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
    document.addEventListener("focusout", () => setTimeout(soon, 300));
  }

  // ── small comforts ───────────────────────────────────────────────────────────────────────────────────────────

  // Filters answer to a choice at once; the button stays for keyboards and for browsers without scripts.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.filters");
    if (form && form.method === "get" && event.target.matches("select")) form.requestSubmit();
  });

  // One box ticks all of a list.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.all;
    if (!name) return;
    for (const box of event.target.form.querySelectorAll(`input[type=checkbox][name="${name}"]`)) box.checked = event.target.checked;
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });

  // What was said after a form is said once: not again on reload.
  const address = new URL(location.href);
  if (address.searchParams.has("said")) {
    address.searchParams.delete("said");
    history.replaceState(null, "", address);
  }

  // "/" goes to the search box; Escape closes the menu and open forms.
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input, textarea, select")) {
      event.preventDefault();
      document.getElementById("search")?.focus();
    }
    if (event.key === "Escape") {
      for (const one of document.querySelectorAll("details.me[open], details.act[open]")) one.open = false;
    }
  });

  // A menu closes when something else is pressed.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.me[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  stops();
  addEventListener("resize", stops);
  document.addEventListener("toggle", stops, true);

  // Paper cannot be opened: everything is, while it is printed.
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("main details:not(.act, [open])")) { one.open = true; one.dataset.printed = "yes"; }
  });
  addEventListener("afterprint", () => {
    for (const one of document.querySelectorAll("details[data-printed]")) { one.open = false; delete one.dataset.printed; }
  });

  // On a narrow screen the navigation scrolls sideways; the present page should be in sight.
  document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  start();
})();
