// The figure of phases: the name under the pointer, and a click that shows the phase in the traces.

const REACH = 12;

// Points of the figure, where they are and which phase each is.
const readPoints = (svg) => {
  const points = [];
  for (const path of svg.querySelectorAll("path[data-phases]")) {
    const at = [...path.getAttribute("d").matchAll(/M(-?[\d.]+),(-?[\d.]+)/g)];
    path.dataset.phases.split(" ").forEach((phase, index) => {
      points.push({ x: Number(at[index][1]), y: Number(at[index][2]), phase: Number(phase) });
    });
  }
  return points;
};

const addPoints = (figure, sensor, plot) => {
  const svg = figure.querySelector("svg");
  const points = readPoints(svg);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);
  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let best = null;
    for (const point of points) {
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance <= REACH && (!best || distance < best.distance)) best = { ...point, distance };
    }
    return best;
  };
  svg.addEventListener("pointermove", (event) => {
    const point = nearest(event);
    tip.hidden = !point || !phases[point.phase];
    svg.classList.toggle("over", !tip.hidden);
    if (tip.hidden) return;
    tip.textContent = `${phases[point.phase].name}: ${verdictOn(sensor, point.phase)?.words ?? "unknown"}`;
    const box = svg.getBoundingClientRect();
    const left = (point.x / svg.viewBox.baseVal.width) * box.width + 10;
    tip.style.left = `${Math.max(Math.min(left, box.width - tip.offsetWidth), 0)}px`;
    tip.style.top = `${(point.y / svg.viewBox.baseVal.height) * box.height + 10}px`;
  });
  svg.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  svg.addEventListener("click", (event) => {
    const point = nearest(event);
    if (point && plot && phases[point.phase]) showPhase(plot, point.phase);
  });
};
