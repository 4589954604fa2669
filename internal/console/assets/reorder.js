// Lists whose entries run in their order can be put into another one, by pointer and
// by keyboard. Without it the buttons "Up" and "Down" do the same, one place at a time.
"use strict";

for (const list of document.querySelectorAll("ol[data-reorder]")) {
  const say = document.createElement("p");
  say.className = "hidden";
  say.setAttribute("aria-live", "assertive");
  list.after(say);
  const items = () => [...list.querySelectorAll(":scope > li[data-key]")];
  if (items().length < 2) continue;
  const nameOf = (item) => item.querySelector("strong").textContent;
  const placeOf = (item) => (items().indexOf(item) + 1) + " of " + items().length;
  const orderOf = () => items().map((item) => item.dataset.key).join("\n");
  let held = null; // what is moved, with the order before
  let saving = false;

  async function save(item) {
    if (orderOf() === held.before) { release(item, nameOf(item) + ": not moved."); return; }
    saving = true;
    const body = new URLSearchParams();
    for (const one of items()) body.append("order", one.dataset.key);
    for (const one of items()) body.append("seen", one.dataset.key + "=" + one.dataset.version);
    say.textContent = "Saving…";
    try {
      const response = await fetch(list.dataset.reorder, { method: "POST", body, headers: { accept: "application/json" } });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail || "");
      for (const one of items()) {
        const now = answer.bindings.find((b) => b.key === one.dataset.key);
        if (!now) continue;
        one.dataset.version = now.version;
        const order = one.querySelector("[data-order]");
        if (order) order.textContent = now.order;
        for (const input of one.querySelectorAll("input[name=version]")) input.value = now.version;
      }
      release(item, nameOf(item) + " is " + placeOf(item) + " now. Saved in the draft.");
    } catch (problem) {
      restore();
      release(item, "Not saved. " + (problem.message || "There was no answer.") + " The order is as before; reload the page to see what changed.");
      say.classList.remove("hidden");
      say.classList.add("alert");
    }
    saving = false;
  }
  function restore() {
    const byKey = new Map(items().map((item) => [item.dataset.key, item]));
    const after = items().at(-1).nextSibling;
    for (const key of held.before.split("\n")) list.insertBefore(byKey.get(key), after);
  }
  function take(item, text) {
    held = { item, before: orderOf() };
    item.classList.add("held");
    say.className = "hidden";
    say.textContent = text;
  }
  function release(item, text) {
    item.classList.remove("held");
    item.querySelector(".grip").setAttribute("aria-pressed", "false");
    held = null;
    say.textContent = text;
  }
  function step(item, by) {
    const all = items();
    const other = all[all.indexOf(item) + by];
    if (!other) return;
    if (by < 0) list.insertBefore(item, other); else list.insertBefore(other, item);
    say.textContent = nameOf(item) + ": " + placeOf(item) + ".";
  }

  for (const item of items()) {
    const grip = document.createElement("button");
    grip.type = "button";
    grip.className = "grip quiet";
    grip.setAttribute("aria-label", "Move " + nameOf(item));
    grip.setAttribute("aria-pressed", "false");
    grip.title = "Drag, or press space and the arrow keys";
    grip.textContent = "⠿";
    item.querySelector(".name").prepend(grip);

    grip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || held || saving) return;
      event.preventDefault();
      grip.focus();
      grip.setPointerCapture(event.pointerId);
      take(item, "");
      const move = (at) => {
        for (const other of items()) {
          if (other === item) continue;
          const box = other.getBoundingClientRect();
          const all = items();
          const below = all.indexOf(other) > all.indexOf(item);
          if (below && at.clientY > box.top + box.height / 2) list.insertBefore(other, item);
          if (!below && at.clientY < box.top + box.height / 2) { list.insertBefore(item, other); break; }
        }
      };
      const end = (at) => {
        grip.removeEventListener("pointermove", move);
        grip.removeEventListener("pointerup", end);
        grip.removeEventListener("pointercancel", end);
        if (at.type === "pointercancel") { restore(); release(item, nameOf(item) + ": not moved."); return; }
        save(item);
      };
      grip.addEventListener("pointermove", move);
      grip.addEventListener("pointerup", end);
      grip.addEventListener("pointercancel", end);
    });
    grip.addEventListener("keydown", (event) => {
      if (saving) return;
      const mine = held && held.item === item;
      if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        if (mine) { save(item); return; }
        if (held) return;
        grip.setAttribute("aria-pressed", "true");
        take(item, nameOf(item) + " is held, " + placeOf(item) + ". Arrow keys move it, space puts it down, escape leaves it where it was.");
      } else if (mine && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        event.preventDefault();
        step(item, event.key === "ArrowUp" ? -1 : 1);
        grip.focus();
      } else if (mine && event.key === "Escape") {
        restore();
        grip.focus();
        release(item, nameOf(item) + ": not moved.");
      }
    });
    grip.addEventListener("blur", () => {
      // Moving an entry takes the focus for a moment; what stays away, lets it go.
      setTimeout(() => { if (held && held.item === item && grip.getAttribute("aria-pressed") === "true" && document.activeElement !== grip) { restore(); release(item, nameOf(item) + ": not moved."); } }, 0);
    });
  }
}
