// The figure of corrections: what a phase was shown and corrected to, under the pointer or by keys.

const percentOf = (value) => (value === null ? "unknown" : `${value > 0 ? "+" : ""}${value.toFixed(1)} %`);

// What there is to say about a phase: pairs of term and value.
const correctionOf = (sensor, phase) => {
  const { shown, value, low, high, refused } = page.sensors[sensor].corrected;
  const { name, begin, end } = phases[phase];
  const said = [
    ["Phase", name || "unnamed"],
    ["Begin", moment(begin, 3)],
    ["Length", `${((end - begin) / 1e6).toFixed(3)} s`],
    ["As shown", percentOf(shown[phase])],
  ];
  if (refused[phase] !== null) return [...said, ["Refused", refused[phase]]];
  if (value[phase] === null) return [...said, ["Corrected", "unjudged"]];
  const holds = low[phase] <= 0 && high[phase] >= 0 ? "holds the reference" : "does not hold the reference";
  return [
    ...said,
    ["Corrected", percentOf(value[phase])],
    ["Interval", `${percentOf(low[phase])} to ${percentOf(high[phase])}, ${holds}`],
  ];
};

const addCorrections = (figure, sensor, plot) => {
  const [stage, spoken] = [figure.querySelector(".stage"), figure.querySelector(".spoken")];
  const tip = stage.querySelector(".tip");
  figure.querySelector(".tools").hidden = false;

  for (const svg of stage.querySelectorAll("svg")) {
    // From left to right, as they are drawn. A page has only so many phases by name.
    const points = readPoints(svg).filter((point) => phases[point.phase]);
    const box = svg.viewBox.baseVal;
    const cross = make(svg, "path", { class: "cross" });
    let at = -1;
    const hide = () => {
      tip.hidden = true;
      cross.setAttribute("d", "");
    };
    const show = (index) => {
      at = index;
      const point = points[index];
      cross.setAttribute("d", `M${point.x},20V${box.height - 42}`);
      tip.replaceChildren();
      for (const pair of correctionOf(sensor, point.phase)) {
        const row = document.createElement("div");
        for (const words of pair) {
          const cell = document.createElement("span");
          cell.textContent = words;
          row.append(cell);
        }
        tip.append(row);
      }
      tip.hidden = false;
      const [share, room] = [point.x / box.width, stage.clientWidth];
      const left = share < 0.5 ? share * room + 12 : share * room - tip.offsetWidth - 12;
      tip.style.left = `${Math.min(Math.max(left, 0), Math.max(room - tip.offsetWidth, 0))}px`;
    };
    // The phase whose place is nearest to the pointer.
    const nearest = (event) => {
      const drawn = svg.getBoundingClientRect();
      const x = ((event.clientX - drawn.left) / drawn.width) * box.width;
      let best = -1;
      points.forEach((point, index) => {
        if (best < 0 || Math.abs(point.x - x) < Math.abs(points[best].x - x)) best = index;
      });
      return best;
    };
    const choose = () => {
      if (plot && at >= 0) showPhase(plot, points[at].phase);
    };
    const follow = (event) => {
      const index = nearest(event);
      if (index >= 0) show(index);
    };
    svg.tabIndex = 0;
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    // A tap shows the values; it would not, if it led away from them.
    svg.addEventListener("click", (event) => {
      if (event.pointerType !== "touch") choose();
    });
    svg.addEventListener("keydown", (event) => {
      const last = points.length - 1;
      const to = { ArrowLeft: Math.max(at - 1, 0), ArrowRight: Math.min(at + 1, last), Home: 0, End: last }[event.key];
      if (event.key === "Escape") hide();
      else if (event.key === "Enter") choose();
      else if (to !== undefined && last >= 0) {
        show(to);
        spoken.textContent = correctionOf(sensor, points[to].phase).map((pair) => pair.join(" ")).join("; ");
      } else return;
      event.preventDefault();
    });
  }
};
