// Keys, dark and light, parts that are loaded later, and the movable map. Every page works without it.
"use strict";
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("colours"); } catch { return null; } };
  if (stored()) root.dataset.colours = stored();

  const toggleColours = () => {
    const now = root.dataset.colours || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.colours = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("colours", root.dataset.colours); } catch { /* the page keeps it until it is left */ }
  };

  document.addEventListener("DOMContentLoaded", () => {
    const help = document.getElementById("help");
    document.querySelector("[data-toggle-colours]").addEventListener("click", toggleColours);
    document.querySelector("[data-open-help]").addEventListener("click", () => help.showModal());
    for (const form of document.querySelectorAll("[data-submit-on-change]")) {
      form.addEventListener("change", () => {
        // Only what is chosen belongs in the address.
        for (const field of form.querySelectorAll("select")) if (!field.value) field.disabled = true;
        form.submit();
      });
    }
    for (const part of document.querySelectorAll("[data-load]")) {
      fetch(part.dataset.load).then(async (answer) => {
        if (answer.ok) part.innerHTML = await answer.text();
      });
    }
    const again = document.querySelector("[data-reload]");
    if (again) setTimeout(() => location.reload(), Number(again.dataset.reload));
    const map = document.querySelector("[data-map] svg");
    if (map) movable(map);
    keys(help);
  });

  function keys(help) {
    let isGoing = false;
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const field = event.target.closest("input, select, textarea");
      if (field) { if (event.key === "Escape") field.blur(); return; }
      const key = event.key;
      if (isGoing) {
        isGoing = false;
        const page = document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
        if (page) { event.preventDefault(); page.click(); }
        return;
      }
      if (key === "g") isGoing = true;
      else if (key === "/") { event.preventDefault(); document.querySelector("[data-search]").focus(); }
      else if (key === "?") help.showModal();
      else if (key === "d") toggleColours();
      else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
      else if (key === "Enter" && event.target.matches("[data-row]:not(a)")) {
        const link = event.target.querySelector("a[href]");
        if (link) link.click();
      }
    });
  }

  function step(by) {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement.closest("[data-row]"));
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function movable(svg) {
    const whole = svg.viewBox.baseVal;
    const all = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
    const show = (box) => svg.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
    let box = { ...all };
    const at = (event) => {
      const edge = svg.getBoundingClientRect();
      return { x: (event.clientX - edge.left) / edge.width, y: (event.clientY - edge.top) / edge.height };
    };
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = Math.min(1, Math.max(0.12, (box.width / all.width) * (event.deltaY > 0 ? 1.15 : 1 / 1.15))) * all.width / box.width;
      const p = at(event);
      box = { x: box.x + p.x * box.width * (1 - factor), y: box.y + p.y * box.height * (1 - factor), width: box.width * factor, height: box.height * factor };
      if (box.width >= all.width) box = { ...all };
      show(box);
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => { event.preventDefault(); box = { ...all }; show(box); });
    let from = null;
    let moved = false;
    svg.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") { from = { p: at(event), box }; moved = false; } });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      const p = at(event);
      if (Math.hypot(p.x - from.p.x, p.y - from.p.y) > 0.01) moved = true;
      if (moved) { box = { ...from.box, x: from.box.x - (p.x - from.p.x) * from.box.width, y: from.box.y - (p.y - from.p.y) * from.box.height }; show(box); }
    });
    addEventListener("pointerup", () => { from = null; });
    svg.addEventListener("click", (event) => { if (moved) { event.preventDefault(); moved = false; } }, true);
    svg.addEventListener("dragstart", (event) => event.preventDefault());
  }
})();
