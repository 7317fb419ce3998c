// A power signal as a line of corners: the same as `curve.rs`, for the part that the reader zooms to.

// Index of the first of `times` that is not before `time` (or, with `after`, that is after it).
const firstFrom = (times, time, after = false) => {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time || (after && times[middle] === time)) low = middle + 1;
    else high = middle;
  }
  return low;
};

// Corners of a line: times upwards, two of the same time where it jumps.
class Corners {
  constructor() {
    this.t = [];
    this.w = [];
  }

  push(time, watts) {
    const last = this.t.length - 1;
    if (last < 0 || this.t[last] !== time || this.w[last] !== watts) {
      this.t.push(time);
      this.w.push(watts);
    }
  }

  static of(trace) {
    const corners = new Corners();
    trace.t.forEach((time, index) => {
      if (trace.shape === "line") {
        corners.push(time, trace.w[index]);
      } else if (trace.shape === "hold") {
        corners.push(time, trace.w[Math.max(index - 1, 0)]);
        corners.push(time, trace.w[index]);
      } else {
        corners.push(time, trace.w[index]);
        corners.push(time, trace.w[Math.min(index + 1, trace.w.length - 1)]);
      }
    });
    return corners;
  }

  // Power just before and just after `time`; null outside the line.
  around(time) {
    const { t, w } = this;
    if (t.length === 0 || time < t[0] || time > t[t.length - 1]) return null;
    const from = firstFrom(t, time);
    if (t[from] === time) return [w[from], w[firstFrom(t, time, true) - 1]];
    const between = w[from - 1] + (w[from] - w[from - 1]) * ((time - t[from - 1]) / (t[from] - t[from - 1]));
    return [between, between];
  }

  // Power at `time`, after the jump if there is one; null outside the line.
  at(time) {
    const around = this.around(time);
    return around && around[1];
  }

  // This line less another one, where there are both: one pass over both.
  less(other) {
    const difference = new Corners();
    const walks = [new Walk(this), new Walk(other)];
    const begin = Math.max(...walks.map((walk) => walk.begin));
    const end = Math.min(...walks.map((walk) => walk.end));
    let time = begin;
    while (time <= end) {
      const [own, others] = walks.map((walk) => walk.around(time));
      difference.push(time, own[0] - others[0]);
      difference.push(time, own[1] - others[1]);
      time = Math.min(...walks.map((walk) => walk.next()));
    }
    return difference;
  }

  // Lowest and highest power from `begin` to `end`; null where there is none.
  extremes(begin, end) {
    let low = Infinity;
    let high = -Infinity;
    this.within(begin, end, (_, watts) => {
      if (watts < low) low = watts;
      if (watts > high) high = watts;
    });
    return low <= high ? [low, high] : null;
  }

  // Visits the corners from `begin` to `end`, the line cut where it leaves that; a jump at an end belongs to it.
  within(begin, end, visit) {
    const from = firstFrom(this.t, begin, true);
    const to = firstFrom(this.t, end);
    const edge = (time) => new Set(this.around(time) ?? []).forEach((watts) => visit(time, watts));
    edge(begin);
    for (let index = from; index < to; index += 1) visit(this.t[index], this.w[index]);
    edge(end);
  }

  // The line from `begin` to `end` as SVG path data: of each column of pixels what can be seen.
  path(begin, end, x, y) {
    const parts = [];
    let column = [];
    const flush = () => {
      for (const [across, up] of thinColumn(column)) parts.push(`${coordinate(across)},${coordinate(up)}`);
      column = [];
    };
    this.within(begin, end, (time, watts) => {
      const corner = [x(time), y(watts)];
      if (column.length > 0 && Math.floor(column[column.length - 1][0]) < Math.floor(corner[0])) flush();
      column.push(corner);
    });
    flush();
    return parts.length > 0 ? `M${parts.join(" ")}` : "";
  }
}

// Answers `around` for times that grow.
class Walk {
  constructor(corners) {
    this.corners = corners;
    this.index = 0;
    this.begin = corners.t.length > 0 ? corners.t[0] : Infinity;
    this.end = corners.t.length > 0 ? corners.t[corners.t.length - 1] : -Infinity;
  }

  around(time) {
    const { t, w } = this.corners;
    while (this.index < t.length && t[this.index] < time) this.index += 1;
    const from = this.index;
    if (t[from] !== time) {
      const between = w[from - 1] + (w[from] - w[from - 1]) * ((time - t[from - 1]) / (t[from] - t[from - 1]));
      return [between, between];
    }
    while (this.index < t.length && t[this.index] === time) this.index += 1;
    return [w[from], w[this.index - 1]];
  }

  // The next time at which the line has a corner.
  next() {
    return this.index < this.corners.t.length ? this.corners.t[this.index] : Infinity;
  }
}

// Corners in one column of pixels above which only the lowest and the highest can be seen.
const CROWDED = 8;

const thinColumn = (column) => {
  if (column.length <= 4) return column;
  let [low, high] = [0, 0];
  column.forEach((corner, index) => {
    if (corner[1] < column[low][1]) low = index;
    if (corner[1] > column[high][1]) high = index;
  });
  const ends = column.length > CROWDED ? [] : [0, column.length - 1];
  const kept = [...new Set([low, high, ...ends])].sort((a, b) => a - b);
  return kept.map((index) => column[index]);
};

// A coordinate to a tenth of a pixel.
const coordinate = (value) => (Math.round(value * 10) / 10 || 0).toString();
