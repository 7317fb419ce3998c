// Zooming and moving: pointer, wheel, buttons, keys.

const ZOOM_STEP = 1.6;

// Zooms by `factor` (above 1: closer) around the moment `centre`.
const zoomBy = (plot, factor, centre = (plot.view[0] + plot.view[1]) / 2) => {
  const [begin, end] = plot.view;
  plot.show(centre - (centre - begin) / factor, centre + (end - centre) / factor);
};

// Moves by a share of what is shown.
const moveBy = (plot, share) => {
  const [begin, end] = plot.view;
  const step = (end - begin) * share;
  plot.show(begin + step, end + step);
};

const resetZoom = (plot) => {
  plot.marked = null;
  plot.show(...plot.full);
};

// Shows a phase with half its length before and after it.
const showPhase = (plot, index) => {
  const phase = phases[index];
  const margin = Math.max((phase.end - phase.begin) / 2, 10);
  plot.marked = phase;
  plot.show(phase.begin - margin, phase.end + margin);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  plot.figure.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
};

// The moment under a pointer, within what is shown.
const momentUnder = (plot, event) => {
  const box = plot.svg.getBoundingClientRect();
  const across = ((event.clientX - box.left) * plot.m.width) / box.width;
  const share = (across - plot.m.left) / (plot.m.end - plot.m.left);
  const [begin, end] = plot.view;
  return begin + Math.min(Math.max(share, 0), 1) * (end - begin);
};

const ACTIONS = {
  in: (plot) => zoomBy(plot, ZOOM_STEP),
  out: (plot) => zoomBy(plot, 1 / ZOOM_STEP),
  left: (plot) => moveBy(plot, -0.2),
  right: (plot) => moveBy(plot, 0.2),
  reset: resetZoom,
};

const KEYS = new Map([
  ["+", "in"],
  ["=", "in"],
  ["-", "out"],
  ["ArrowLeft", "left"],
  ["ArrowRight", "right"],
  ["0", "reset"],
]);

// A range of time chosen by dragging.
const addDragging = (plot) => {
  let from = null;
  const draw = (to) => {
    const [begin, end] = [Math.min(from.moment, to), Math.max(from.moment, to)];
    const [left, right] = [begin, end].map((time) => coordinate(plot.x.at(time / 1e6)));
    plot.range.setAttribute("d", `M${left},${plot.m.top}H${right}V${plot.m.floor}H${left}z`);
  };
  const stop = () => {
    from = null;
    if (plot.range) plot.range.setAttribute("d", "");
  };
  plot.svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { moment: momentUnder(plot, event), x: event.clientX };
    plot.svg.setPointerCapture(event.pointerId);
  });
  plot.svg.addEventListener("pointermove", (event) => {
    if (from && Math.abs(event.clientX - from.x) > 4) draw(momentUnder(plot, event));
  });
  plot.svg.addEventListener("pointerup", (event) => {
    if (from && Math.abs(event.clientX - from.x) > 4) {
      const to = momentUnder(plot, event);
      const begin = from.moment;
      stop();
      plot.show(Math.min(begin, to), Math.max(begin, to));
    }
    stop();
  });
  plot.svg.addEventListener("pointercancel", stop);
};

const addZoom = (plot) => {
  plot.svg.setAttribute("tabindex", "0");
  plot.svg.setAttribute("role", "application");
  const tools = plot.figure.querySelector(".tools");
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) ACTIONS[button.dataset.do](plot);
  });
  plot.svg.addEventListener("keydown", (event) => {
    const action = KEYS.get(event.key);
    if (!action || event.shiftKey !== (event.key === "+" && event.shiftKey) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    ACTIONS[action](plot);
  });
  plot.svg.addEventListener(
    "wheel",
    (event) => {
      // Without Ctrl the page scrolls, unless the reader has turned to the figure.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== plot.svg) return;
      event.preventDefault();
      zoomBy(plot, event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, momentUnder(plot, event));
    },
    { passive: false },
  );
  plot.svg.addEventListener("dblclick", () => resetZoom(plot));
  addDragging(plot);
};
