// The page's data, decoded: what Rust wrote in `data.rs`.

const dataLines = document.getElementById("report-data").textContent.split("\n");

// The comparison as it was given. It is handed out as text: times in nanoseconds do not fit a JavaScript number.
const comparisonText = dataLines[1];

const page = JSON.parse(dataLines[3]);

// Numbers from their steps.
const sums = (steps) => {
  let sum = 0;
  return steps.map((step) => (sum += step));
};

const decodeTrace = (trace) => ({
  name: trace.name,
  shape: trace.shape,
  decimals: Math.round(Math.log10(trace.per_watt)),
  t: sums(trace.t_us),
  w: sums(trace.w).map((units) => units / trace.per_watt),
});

// Phases, the same for all sensors: begin and end in microseconds, name.
const phases = (() => {
  const begins = sums(page.phases.begin_us);
  return begins.map((begin, index) => ({
    begin,
    end: begin + page.phases.length_us[index],
    name: page.phases.name[index],
  }));
})();

const verdictOf = new Map(page.verdicts.map((verdict) => [verdict.letter, verdict]));

// The verdict of a sensor on a phase.
const verdictOn = (sensor, phase) => verdictOf.get(page.sensors[sensor].verdicts[phase]);

// A moment as the reader knows it: seconds since the start, or the number of a row.
const moment = (micros, decimals = 6) =>
  page.ordinal ? `row ${Math.round(micros / 1e6)}` : `${(micros / 1e6).toFixed(decimals)} s`;

// A moment on the run's own time base, in whole nanoseconds.
const absolute = (micros) => (BigInt(page.origin_ns) + BigInt(Math.round(micros * 1000))).toString();
