// Scales and ticks: the same as `axis.rs`.

// The round step (1, 2 or 5 times a power of ten) that is not smaller than `rough`.
const roundStep = (rough) => {
  if (!(Number.isFinite(rough) && rough > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const lead = [1, 2, 5].find((round) => rough / decade <= round * (1 + 1e-9)) ?? 10;
  return lead * decade;
};

const roundRange = (low, high, wanted) => {
  const from = low > 0 && low < 0.4 * high ? 0 : low;
  const to = high > from ? high : from + Math.max(Math.abs(from), 1) * 0.1;
  const step = roundStep((to - from) / wanted);
  return [Math.floor(from / step + 1e-9) * step, Math.ceil(to / step - 1e-9) * step];
};

// A linear scale from data to pixels.
class Scale {
  constructor([low, high], [from, to]) {
    [this.low, this.high] = high > low ? [low, high] : [low - 0.5, low + 0.5];
    [this.from, this.to] = [from, to];
  }

  at(value) {
    return this.from + ((value - this.low) / (this.high - this.low)) * (this.to - this.from);
  }

  // Round values along the scale, about `wanted`, each with its label.
  ticks(wanted) {
    const step = roundStep((this.high - this.low) / wanted);
    const decimals = Math.min(Math.max(-Math.floor(Math.log10(step) + 1e-9), 0), 12);
    const first = Math.ceil(this.low / step - 1e-9);
    const ticks = [];
    for (let index = 0; index <= 2 * wanted; index += 1) {
      const value = (first + index) * step;
      if (value > this.high + step * 1e-9) break;
      ticks.push([value, (value || 0).toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1")]);
    }
    return ticks;
  }
}
