// The simulated twin of each cell: measured, theory and simulated side by side.

function drawTwin() {
  const twins = cells.filter((c) => at(c, "twin", "figures"));
  const none = cells.filter((c) => at(c, "twin", "why_not"));
  if (twins.length + none.length === 0) return;
  const apart = twins.reduce((sum, c) => sum + c.twin.figures.filter((f) => f.apart).length, 0);
  const residual = (f) => (f.residual === null ? "-" : (f.residual > 0 ? "+" : "") + figure(100 * f.residual) + " %");
  const tableOf = (c) => table(c.cell, ["", "measured", "theory", "simulated", "residual", "further apart than it may be"],
    c.twin.figures.map((f) => [f.name, figure(f.measured), figure(f.theory), figure(f.simulated), residual(f), el("td", {class: "text"}, f.apart || "")]), true);
  section("twin", "Simulated twin", "The simulated twin",
    el("p", {}, "The same file and seed in virtual time, with the forced write that was measured: also where faults, contention or jitter leave theory without a formula. Medians may be 3 % apart, 99th percentiles 10 %; " +
      (apart === 0 ? "no figure is further apart." : apart + (apart === 1 ? " figure is" : " figures are") + " further apart, with the likely reason beside it.")),
    twins.map((c, i) => (twins.length > 3 && i > 0 ? lazyDetails(c.cell, () => tableOf(c)) : tableOf(c))),
    none.map((c) => el("p", {class: "soft"}, `${c.cell}: no twin: ${c.twin.why_not}`)));
}
