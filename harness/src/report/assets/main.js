// Puts the parts to work once the page stands.

document.documentElement.classList.add("scripted");

const plots = new Map();
for (const figure of document.querySelectorAll("figure.traces")) {
  const plot = new TraceFigure(figure);
  plots.set(plot.sensor, plot);
  // What Rust drew stays until something has to change.
  if (plot.measure()) plot.draw();
  addZoom(plot);
  addHover(plot);
}

document.querySelectorAll("section.sensor").forEach((section, sensor) => {
  const plot = plots.get(sensor);
  addTable(section, plot);
  const figure = section.querySelector("figure.phase-errors");
  if (figure) addPoints(figure, sensor, plot);
  const corrections = section.querySelector("figure.corrections");
  if (corrections) addCorrections(corrections, sensor, plot);
});

let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    for (const plot of plots.values()) {
      hideCross(plot);
      if (plot.measure()) plot.draw();
    }
  });
});

const download = document.getElementById("download");
download.href = URL.createObjectURL(new Blob([comparisonText], { type: "application/json" }));
download.download = download.dataset.name ?? "comparison.json";
download.hidden = false;
