// What a study's page adds: the words of a mark under the pointer, figures as large as the screen, tables that copy.

const addTips = (figure) => {
  const stage = figure.querySelector(".stage");
  const tip = stage.querySelector(".tip");
  const marks = [...stage.querySelectorAll("[data-tip]")];
  const hide = () => {
    tip.hidden = true;
  };
  const show = (mark, event) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = stage.getBoundingClientRect();
    const left = Math.min(Math.max(event.clientX - box.left + 12, 0), Math.max(box.width - tip.offsetWidth, 0));
    tip.style.left = `${left}px`;
    tip.style.top = `${event.clientY - box.top + 14}px`;
  };
  for (const mark of marks) {
    mark.addEventListener("pointerenter", (event) => show(mark, event));
    mark.addEventListener("pointermove", (event) => show(mark, event));
    mark.addEventListener("pointerleave", hide);
  }
};

// A figure as large as the screen, until Escape or another click.
const addEnlarging = (figure) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.textContent = "Enlarge";
  button.setAttribute("aria-pressed", "false");
  const set = (large) => {
    figure.classList.toggle("large", large);
    button.textContent = large ? "Close" : "Enlarge";
    button.setAttribute("aria-pressed", String(large));
  };
  button.addEventListener("click", () => set(!figure.classList.contains("large")));
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Escape") set(false);
  });
  figure.prepend(button);
};

const addCopying = (tools) => {
  const said = tools.querySelector("output");
  tools.hidden = false;
  tools.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without the right to the clipboard, the old way: select and copy.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    said.textContent = `${button.textContent} copied`;
  });
};

document.querySelectorAll("figure.chart").forEach((figure) => {
  addTips(figure);
  addEnlarging(figure);
});
document.querySelectorAll(".copy").forEach(addCopying);
