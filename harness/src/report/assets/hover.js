// The values under the pointer: a crosshair and a small table.

// Names of the phases at a moment with their verdicts, the shortest first: it is the innermost.
const phasesAt = (sensor, time) => {
  const found = [];
  phases.forEach((phase, index) => {
    if (phase.begin <= time && time <= phase.end) found.push(index);
  });
  found.sort((a, b) => phases[a].end - phases[a].begin - (phases[b].end - phases[b].begin));
  return found.slice(0, 3).map((index) => `${phases[index].name} (${verdictOn(sensor, index)?.words ?? "unknown"})`);
};

// What there is to say about a moment: pairs of term and value.
const valuesAt = (plot, time) => {
  const [own, other] = plot.traces;
  const decimals = Math.max(own.decimals, other.decimals);
  const watts = (value) => (value === null ? "not recorded" : `${value.toFixed(decimals)} W`);
  const [sensor, reference] = [plot.own.at(time), plot.other.at(time)];
  const values = [
    [page.ordinal ? "Row" : "Time", moment(time)],
    ["Sensor", watts(sensor)],
    ["Reference", watts(reference)],
    ["Difference", sensor === null || reference === null ? "unknown" : watts(sensor - reference)],
  ];
  const names = phasesAt(plot.sensor, time);
  if (phases.length > 0) values.push(["Phase", names.join(", ") || "none"]);
  for (const fault of page.sensors[plot.sensor].faults) {
    if (fault.begin_us <= time && time <= fault.end_us) values.push(["Fault", `${fault.kind}: ${fault.detail}`]);
    if (values.length > 7) break;
  }
  if (!page.ordinal) values.push(["On the time base", `${absolute(time)} ns`]);
  return values;
};

const hideCross = (plot) => {
  plot.tip.hidden = true;
  if (plot.cross) plot.cross.setAttribute("d", "");
};

const showCross = (plot, time) => {
  if (!plot.cross) plot.draw();
  plot.at = time;
  const across = plot.x.at(time / 1e6);
  plot.cross.setAttribute("d", `M${coordinate(across)},${plot.m.top}V${plot.m.bottom}`);
  plot.tip.replaceChildren();
  for (const [term, value] of valuesAt(plot, time)) {
    const row = document.createElement("div");
    const [left, right] = [document.createElement("span"), document.createElement("span")];
    left.textContent = term;
    right.textContent = value;
    row.append(left, right);
    plot.tip.append(row);
  }
  plot.tip.hidden = false;
  const share = across / plot.m.width;
  const room = plot.stage.clientWidth;
  const left = share < 0.5 ? share * room + 12 : share * room - plot.tip.offsetWidth - 12;
  plot.tip.style.left = `${Math.min(Math.max(left, 0), Math.max(room - plot.tip.offsetWidth, 0))}px`;
};

const addHover = (plot) => {
  const follow = (event) => {
    // A finger that drags chooses a range; its values would be under the finger.
    if (event.pointerType === "touch" && event.type === "pointermove") return;
    const time = momentUnder(plot, event);
    showCross(plot, page.ordinal ? Math.round(time / 1e6) * 1e6 : time);
  };
  plot.svg.addEventListener("pointermove", follow);
  plot.svg.addEventListener("pointerdown", follow);
  plot.svg.addEventListener("pointerleave", () => hideCross(plot));
  plot.svg.addEventListener("blur", () => hideCross(plot));
  plot.svg.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideCross(plot);
    if (!event.shiftKey || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const [begin, end] = plot.view;
    const step = ((end - begin) / 100) * (event.key === "ArrowLeft" ? -1 : 1);
    const from = plot.at >= begin && plot.at <= end ? plot.at : (begin + end) / 2;
    const time = Math.min(Math.max(from + step, begin), end);
    showCross(plot, time);
    plot.spoken.textContent = valuesAt(plot, time).map((pair) => pair.join(" ")).join("; ");
  });
};
