// What pages do beyond HTML: times that stay true, charts, and live parts.
// Every page works without it.
"use strict";

(() => {
  const period = 5000;
  const patience = 15 * 60 * 1000; // a page nobody touches must not keep a session alive
  let touched = Date.now();
  for (const event of ["pointermove", "pointerdown", "keydown", "scroll"]) {
    addEventListener(event, () => { touched = Date.now(); }, { passive: true });
  }

  function ago(ms) {
    const s = Math.floor(ms / 1000);
    if (s < 5) return "just now";
    if (s < 60) return s + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 172800) return Math.floor(s / 3600) + " h ago";
    return Math.floor(s / 86400) + " days ago";
  }
  // The server writes UTC. Times are shown in the zone of the reader; their titles
  // stay UTC.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const abroad = zone !== "" && zone !== "UTC" && zone !== "Etc/UTC";
  function local(t) {
    const now = new Date();
    const at = two(t.getHours()) + ":" + two(t.getMinutes());
    if (t.toDateString() === now.toDateString()) return at + ":" + two(t.getSeconds());
    if (t.getFullYear() === now.getFullYear()) return day(t) + " " + at;
    return day(t) + " " + t.getFullYear() + " " + at;
  }
  function refreshTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const text = time.querySelector(".ago");
      const past = Date.now() - Date.parse(time.dateTime);
      if (text && past > -60000) text.textContent = ago(past);
      const at = time.querySelector(".at, .on");
      if (abroad && at && !at.dataset.local) {
        at.textContent = local(new Date(time.dateTime));
        at.dataset.local = zone;
      }
    }
  }

  const number = new Intl.NumberFormat("fr-FR"); // thin spaces between thousands, as the server writes
  const two = (n) => String(n).padStart(2, "0");
  const clock = (t) => two(t.getHours()) + ":" + two(t.getMinutes());
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const day = (t) => t.getDate() + " " + months[t.getMonth()];
  const lines = [["Requests", "requests"], ["Refused", "refused"], ["Attacks", "attacks"], ["Errors", "errors"]];

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.height = figure.classList.contains("low") ? 170 : 230;
      new ResizeObserver(() => this.plot && this.plot.setSize(this.size())).observe(figure);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }
    size() { return { width: Math.max(this.figure.clientWidth, 200), height: this.height }; }
    async load() {
      const response = await fetch(this.figure.dataset.chart, { headers: { accept: "application/json" } });
      if (!response.ok) throw response;
      const data = await response.json();
      this.lines = data.lines || lines;
      const fresh = [data.at, ...this.lines.map(([, name]) => data[name])];
      if (this.plot && this.step === data.step) {
        this.data = fresh;
        this.plot.setData(fresh);
        return;
      }
      this.data = fresh;
      this.step = data.step;
      this.draw();
    }
    draw() {
      if (!this.data) return;
      if (this.plot) this.plot.destroy();
      const css = getComputedStyle(document.documentElement);
      const colour = (name) => css.getPropertyValue("--" + name).trim();
      const axis = { stroke: colour("dim"), grid: { stroke: colour("soft"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
      const long = this.step >= 3600;
      const label = (s) => { const t = new Date(s * 1000); return (this.step >= 86400 ? day(t) : long ? day(t) + " " + clock(t) : clock(t)); };
      this.plot = new uPlot({
        ...this.size(),
        scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.08, 4)] } },
        cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        axes: [
          { ...axis, size: 30, space: long ? 90 : 55, values: (_, ticks) => ticks.map((s) => { const t = new Date(s * 1000); return long && t.getHours() === 0 ? day(t) : clock(t); }) },
          { ...axis, size: 46, values: (_, ticks) => ticks.map((n) => (Number.isInteger(n) ? number.format(n) : "")) },
        ],
        series: [
          { label: abroad ? "Local time" : "UTC", value: (_, s) => (s == null ? "–" : label(s)) },
          ...this.lines.map(([title], i) => ({
            label: title, stroke: colour("chart-" + lines[i][1]), width: i === 0 ? 1.75 : 1.5,
            fill: i === 0 ? colour("chart-" + lines[i][1]) + "22" : undefined, points: { show: false },
            value: (_, n) => (n == null ? "–" : number.format(n)),
          })),
        ],
      }, this.data, this.figure);
    }
  }

  const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));
  const parts = [...document.querySelectorAll("[data-live]")];
  const state = document.querySelector("[data-live-state]");
  let lost = false;

  function tell(text, tone) {
    if (!state) return;
    state.textContent = text;
    state.className = "live " + tone;
  }
  async function refresh(part) {
    const response = await fetch(part.dataset.live, { headers: { accept: "text/html" } });
    if (!response.ok) throw response;
    const text = await response.text();
    const selection = getSelection();
    const busy = part.contains(document.activeElement) || (!selection.isCollapsed && part.contains(selection.anchorNode));
    if (!busy) { part.innerHTML = text; refreshTimes(); }
  }
  async function tick() {
    refreshTimes();
    if (document.hidden || lost || (!charts.length && !parts.length)) return;
    if (Date.now() - touched > patience) { tell("paused", "paused"); return; }
    try {
      await Promise.all([...charts.map((chart) => chart.load()), ...parts.map(refresh)]);
      tell("live", "");
    } catch (problem) {
      if (problem instanceof Response && problem.status === 401) {
        lost = true;
        tell("signed out – reload to sign in", "lost");
        return;
      }
      tell("no answer, trying again", "lost");
    }
  }

  // Passkeys: the browser is asked when the form is sent, and its answer goes with it.
  const wrong = {
    NotAllowedError: "Nothing was chosen, or it took too long. Try again.",
    InvalidStateError: "This device has a passkey of your account already.",
    SecurityError: "This address can't have passkeys: open the console by its host name over https, or as http://localhost.",
  };
  async function askPasskey(form, note) {
    note.textContent = "Follow your browser…";
    const response = await fetch(form.dataset.passkey, { method: "POST", headers: { accept: "application/json" } });
    const question = await response.json();
    if (!response.ok) { note.textContent = question.detail; return; }
    const credential = "create" in form.dataset
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(question.options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(question.options) });
    form.elements.ceremony.value = question.ceremony;
    form.elements.answer.value = JSON.stringify(credential);
    form.submit();
  }
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const note = form.querySelector("[data-note]");
    const button = form.querySelector("button");
    if (button.disabled) continue;
    if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
      button.disabled = true;
      note.textContent = "This browser has no passkeys. Update it, use another one, or sign in another way.";
      continue;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      askPasskey(form, note).catch((problem) => { note.textContent = wrong[problem.name] || "That did not work. Try again."; });
    });
  }

  // "/" leads to the search from everywhere but fields.
  addEventListener("keydown", (event) => {
    const box = document.getElementById("lookup");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !box) return;
    if (event.target.closest && event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  const told = document.querySelector("[data-zone]");
  if (told && abroad) told.textContent = "Times are those of " + zone + "; point at one for UTC. Fields that say UTC are UTC.";
  refreshTimes();
  for (const chart of charts) chart.load().catch(() => tell("no answer, trying again", "lost"));
  setInterval(tick, period);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { touched = Date.now(); tick(); } });
})();
