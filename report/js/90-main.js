// How it was run, and the page put together.

function drawHow() {
  const e = data.environment || {}, list = [];
  const add = (name, value) => { if (value !== null && value !== undefined && value !== "") list.push(el("dt", {}, name), el("dd", {}, String(value))); };
  add("command", e.command_line);
  add("started", e.started);
  add("commit", e.commit);
  add("version", e.version);
  add("compiler and flags", e.build ? `${e.build.compiler} ${e.build.flags}` : null);
  add("kernel", at(e, "machine", "kernel"));
  add("system", at(e, "machine", "os"));
  add("processor", e.machine ? `${e.machine.cpus} x ${e.machine.cpu}, ${e.machine.memory_mib} MiB, load average at the start ${e.machine.load_average}` : null);
  add("emulation", at(e, "emulation", "backend") || summary.emulation);
  add("why that", at(e, "emulation", "why"));
  add("TCP", e.emulation ? `congestion control ${e.emulation.tcp_in_force || e.emulation.tcp_congestion_control || "-"}, initial window ${e.emulation.initial_window || "-"}, slow start after idle ${e.emulation.tcp_slow_start_after_idle ?? "-"}` : null);
  add("forced write on this disk", typeof e.disk_forced_write_ms === "number" ? figure(e.disk_forced_write_ms) + " ms" : null);
  add("libraries", e.versions ? Object.entries(e.versions).map(([k, v]) => `${k} ${v}`).join(", ") : null);
  const rows = cells.map((c) => [c.cell, figure(at(c, "router", "lateness_ms", "p99")), whole(at(c, "router", "lost")), whole(at(c, "router", "queue_full")), whole(at(c, "transactions", "shed")), c.drained ? "yes" : "no",
    figure(at(c, "seconds", "load")), figure(at(c, "seconds", "drain")), el("td", {class: "text"}, c.valid ? "yes" : (c.reasons || []).join("; "))]);
  section("how", "How it was run", "How it was run", list.length ? el("dl", {}, list) : null,
    rows.length ? table("Each cell", ["", "router late p99, ms", "packets lost", "dropped by a full queue", "shed", "drained", "load, s", "drain, s", "valid"], rows, true) : null,
    data.experiment ? el("details", {}, el("summary", {}, "The experiment as it ran"), el("pre", {}, data.experiment)) : null);
  document.getElementById("foot").append("One file, no network. The figures are those of summary.json; docs/results.md of geocommit explains each. Charts: uPlot (MIT). Outline of the land: Natural Earth (public domain).");
}

function drawNav() {
  const links = new Map(sections.map(({id, title}) => [id, el("a", {href: "#" + id}, title)]));
  document.getElementById("nav").append(el("ul", {}, [...links.values()].map((a) => el("li", {}, a))));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const [id, a] of links) a.toggleAttribute("aria-current", id === entry.target.id);
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, {rootMargin: "-20% 0px -70% 0px"});
  for (const id of links.keys()) seen.observe(document.getElementById(id));
}

drawHead();
drawResult();
drawComparison();
drawLatency();
drawTimeline();
drawBlocking();
drawPrediction();
drawTwin();
drawTopology();
drawTransactions();
drawCosts();
drawHow();
drawNav();

addEventListener("resize", () => redraw(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(true));
// Paper is white, whatever the screen is.
let themeBefore;
addEventListener("beforeprint", () => {
  themeBefore = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  redraw(true);
});
addEventListener("afterprint", () => {
  if (themeBefore) document.documentElement.dataset.theme = themeBefore; else delete document.documentElement.dataset.theme;
  redraw(true);
});
requestAnimationFrame(() => requestAnimationFrame(() => document.documentElement.setAttribute("data-ready", "true")));
