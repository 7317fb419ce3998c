// The figure of both traces: the same as `overlay.rs`, for the part of time that the reader looks at.

const SVG = "http://www.w3.org/2000/svg";

// An SVG element; text from the data becomes a text node.
const make = (parent, name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

// Spans as rectangles at least 1.2 pixels wide, as SVG path data; narrow ones that touch are one.
const rectangles = (spans, [begin, end], x, above, height) => {
  const edges = [];
  for (const span of spans) {
    if (span.end < begin || span.begin > end) continue;
    const from = x(Math.max(span.begin, begin));
    const to = x(Math.min(span.end, end));
    edges.push([from, to - from > 4 ? to - 1 : Math.max(to, from + 1.2)]);
  }
  edges.sort((a, b) => a[0] - b[0]);
  const joined = [];
  for (const [from, to] of edges) {
    const last = joined[joined.length - 1];
    if (last && from <= last[1] + 0.1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  const parts = joined.map(([from, to]) => {
    const width = coordinate(to - from);
    return `M${coordinate(from)},${coordinate(above)}h${width}v${height}h-${width}z`;
  });
  return parts.join("");
};

// One figure of traces: what it shows, and how to draw it.
class TraceFigure {
  constructor(figure) {
    this.figure = figure;
    this.sensor = Number(figure.dataset.sensor);
    const sensor = page.sensors[this.sensor];
    this.stage = figure.querySelector(".stage");
    this.svg = this.stage.querySelector("svg");
    this.tip = this.stage.querySelector(".tip");
    this.spoken = figure.querySelector(".spoken");
    this.traces = [decodeTrace(sensor.trace), decodeTrace(page.reference)];
    [this.own, this.other] = this.traces.map(Corners.of);
    this.apart = this.own.less(this.other);
    this.full = sensor.view_us;
    this.view = this.full;
    this.lanes = this.findLanes(sensor);
    this.marked = null;
    this.measure();
  }

  // Lanes below the curves: one a verdict that occurs, and one for the faults.
  findLanes(sensor) {
    const lanes = page.verdicts.map((verdict) => ({
      words: verdict.words,
      className: `v-${verdict.class}`,
      shade: true,
      spans: phases.filter((_, index) => sensor.verdicts[index] === verdict.letter),
    }));
    const faults = sensor.faults.map((fault) => ({ begin: fault.begin_us, end: fault.end_us }));
    lanes.push({ words: "faults", className: "fault", shade: false, spans: faults });
    return lanes.filter((lane) => lane.spans.length > 0);
  }

  // Fits the measures to the screen: a narrow one gets a drawing of its own width, so that text stays readable.
  measure() {
    const { layout } = page;
    const available = this.stage.clientWidth;
    const narrow = available > 0 && available < 0.8 * layout.width;
    const width = narrow ? available : layout.width;
    const m = { ...layout, width, narrow };
    // Without room at the left, labels of lanes stand above their lanes.
    if (narrow) Object.assign(m, { left: 58, lane: 28 });
    m.middle = m.top + m.power + m.between;
    m.floor = m.middle + m.difference;
    m.bottom = m.floor + 8 + m.lane * this.lanes.length;
    m.height = m.bottom + m.foot;
    m.end = m.width - m.right;
    m.columns = narrow ? 4 : 10;
    const changed = this.m !== undefined && this.m.width !== m.width;
    this.m = m;
    return changed || narrow;
  }

  get x() {
    return new Scale([this.view[0] / 1e6, this.view[1] / 1e6], [this.m.left, this.m.end]);
  }

  // Shows the time from `begin` to `end`, within what there is.
  show(begin, end) {
    const [first, last] = this.full;
    const length = Math.min(Math.max(end - begin, 20), last - first);
    const from = Math.min(Math.max(begin, first), last - length);
    this.view = [from, from + length];
    this.draw();
  }

  draw() {
    const { svg, m, view } = this;
    const [begin, end] = view;
    const x = this.x;
    const across = (time) => x.at(time / 1e6);
    const hull = (a, b) => [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
    const [own, other] = [this.own, this.other].map((line) => line.extremes(begin, end));
    const power = own && other ? hull(own, other) : own ?? other ?? [0, 1];
    const apart = this.apart.extremes(begin, end);
    const y = new Scale(roundRange(...power, 5), [m.top + m.power, m.top]);
    const z = new Scale(roundRange(...(apart ? hull(apart, [0, 0]) : [0, 0]), 3), [m.floor, m.middle]);

    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${m.width} ${m.height}`);
    for (const lane of this.lanes.filter((lane) => lane.shade)) {
      make(svg, "path", { class: `shade ${lane.className}`, d: rectangles(lane.spans, view, across, m.top, m.power) });
    }
    this.drawGrid(x, y, z);
    for (const [name, line, up] of [["difference", this.apart, z], ["reference", this.other, y], ["sensor", this.own, y]]) {
      make(svg, "path", { class: `line ${name}`, d: line.path(begin, end, across, (watts) => up.at(watts)) });
    }
    if (this.marked) {
      const d = rectangles([this.marked], view, across, m.top, m.floor - m.top);
      make(svg, "path", { class: "marked", d });
    }
    this.lanes.forEach((lane, index) => {
      const above = m.floor + 8 + m.lane * index;
      const [bar, label, at, anchor] = m.narrow
        ? [above + 15, above + 11, m.left + 2, "start"]
        : [above + 3, above + m.lane - 4, m.left - 8, "end"];
      make(svg, "path", { class: `lane ${lane.className}`, d: rectangles(lane.spans, view, across, bar, 10) });
      this.text(at, label, anchor, lane.words, "lane-label");
    });
    this.drawAxes(x, y, z);
    this.cross = make(svg, "path", { class: "cross", d: "" });
    this.range = make(svg, "path", { class: "range", d: "" });
  }

  drawGrid(x, y, z) {
    const { m } = this;
    const grid = make(this.svg, "g", { class: "grid" });
    for (const [scale, count] of [[y, 5], [z, 3]]) {
      for (const [value] of scale.ticks(count)) {
        make(grid, "path", { d: `M${m.left},${coordinate(scale.at(value))}H${m.end}` });
      }
    }
    for (const [value] of x.ticks(m.columns)) {
      const at = coordinate(x.at(value));
      make(grid, "path", { d: `M${at},${m.top}V${m.top + m.power}M${at},${m.middle}V${m.bottom}` });
    }
  }

  drawAxes(x, y, z) {
    const { m } = this;
    const lines = `M${m.left},${m.top}V${m.top + m.power}M${m.left},${m.middle}V${m.floor}M${m.left},${m.bottom}H${m.end}`;
    const axes = make(this.svg, "g", { class: "axis" });
    make(axes, "path", { d: lines });
    for (const [scale, count] of [[y, 5], [z, 3]]) {
      for (const [value, label] of scale.ticks(count)) this.text(m.left - 8, scale.at(value) + 4, "end", label, null, axes);
    }
    for (const [value, label] of x.ticks(m.columns)) {
      this.text(x.at(value), m.bottom + 17, "middle", label, "time", axes);
    }
    const title = page.ordinal ? "row" : "time since the start of the run, s";
    this.text((m.left + m.end) / 2, m.bottom + 36, "middle", title, "title", axes);
    for (const [at, words] of [[m.top + m.power / 2, "power, W"], [m.floor - m.difference / 2, "difference, W"]]) {
      const transform = `translate(${m.left - 48} ${coordinate(at)}) rotate(-90)`;
      make(axes, "text", { class: "title", "text-anchor": "middle", transform }, words);
    }
  }

  text(x, y, anchor, words, className, parent = this.svg) {
    const attributes = { x: coordinate(x), y: coordinate(y), "text-anchor": anchor };
    if (className) attributes.class = className;
    make(parent, "text", attributes, words);
  }
}
