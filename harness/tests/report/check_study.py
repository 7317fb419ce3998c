"""Checks a study's page in Chromium: offline, no console error, every figure filled, no text over another, tables that
copy, at the sizes of a phone, a laptop and paper.

usage: check_study.py PAGE.html
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from check_page import ARGUMENTS, Checker

SCATTERS = ("figure-3", "figure-5-gpu-one", "figure-5-gpu-all", "figure-5-memory-one", "figure-5-memory-all")
CURVES = ("figure-2", "figure-4-one", "figure-4-all")

OVERLAPS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('main figure svg[viewBox]:not(.key)')) {
    const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
    for (let i = 0; i < texts.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const [a, b] = [texts[i][1], texts[j][1]];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 3) found.push(`${svg.closest('figure').id}: ${texts[j][0]} / ${texts[i][0]}`);
      }
    }
  }
  return found;
}"""


def results(page):
    return json.loads(page.locator("#report-data").evaluate("element => element.textContent"))["study"]


def check_figures(checker):
    page, study = checker.page, results(checker.page)
    found = {one["id"]: one for one in study["experiments"]}
    for name in SCATTERS:
        epochs = found["E3" if name.endswith("-all") else "E1"]["epochs"]
        # A point needs a power; where a killed recording had no reference for an epoch, there is none.
        epochs = [epoch for epoch in epochs if epoch["gpu_w"] is not None]
        dots = page.locator(f"#{name} svg path.dot").count()
        assert dots == len(epochs) > 0, f"{name} has {dots} points of {len(epochs)} epochs"
    for name in CURVES:
        paths = page.locator(f"#{name} .stage svg path.line").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
        assert len(paths) == 3 and all(path.count("H") > 2 for path in paths), (name, paths)
    assert page.locator("#figure-8 svg path.box").count() == len(study["boxes"]) == 6
    for index in range(2):
        for line in ("sensor", "reference", "difference"):
            path = page.locator(f"#figure-1-{index} .stage svg path.line.{line}").get_attribute("d")
            assert len(path) > 200, f"figure 1 has no {line}"
    captions = page.locator("main figcaption").evaluate_all("all => all.map(one => one.textContent)")
    assert all(len(caption.split(". ")) > 1 and "unknown" not in caption for caption in captions), captions


def check_pointer(checker):
    page = checker.page
    dot = page.locator("#figure-3 svg path.dot").first
    dot.scroll_into_view_if_needed()
    dot.dispatch_event("pointerenter", {"clientX": 10, "clientY": 10})
    tip = page.locator("#figure-3 .tip")
    assert tip.is_visible() and " W" in tip.inner_text() and "sample ratio" in tip.inner_text()
    dot.dispatch_event("pointerleave")
    assert not tip.is_visible()
    before = page.locator("#figure-3 .stage svg").bounding_box()["width"]
    button = page.locator("#figure-3 .enlarge")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("#figure-3 .stage svg").bounding_box()["width"] > 1.5 * before
    page.keyboard.press("Escape")
    assert page.locator("#figure-3 .stage svg").bounding_box()["width"] == before
    full = page.locator("#figure-1-0 .stage svg .axis").text_content()
    page.locator("#figure-1-0 [data-do=in]").click()
    assert page.locator("#figure-1-0 .stage svg .axis").text_content() != full


def check_tables(checker):
    page, study = checker.page, results(checker.page)
    rows = sum(4 * len(one["rows"]) for one in study["experiments"])
    assert page.locator("#table-1 tbody tr").count() == rows > 0
    page.locator("#table-1 button[data-copy=table-1-tex]").click()
    page.locator("#table-1 output", has_text="copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("\\begin{table}") and copied.count("\\\\\n") == rows + 1, copied[:200]
    assert page.locator("#principles article").count() >= 6
    assert page.locator("#truth tbody tr").count() == len(study["truth"]) > 0


def check_print(checker):
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "study.pdf"
        checker.page.pdf(path=str(pdf), prefer_css_page_size=True, print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) > 3
        if shutil.which("pdftotext"):
            text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True, text=True).stdout
            for word in ("Table I", "Fig. 8", "Thresholds", "nvidia-smi, EA-HAS-Bench"):
                assert word in text, word


def main():
    path = Path(sys.argv[1]).resolve()
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for width, height in ((1280, 900), (360, 740), (1000, 1400)):
            checker = Checker(browser, path, viewport={"width": width, "height": height})
            checker.no_overflow()
            check_figures(checker)
            overlaps = checker.page.evaluate(OVERLAPS)
            assert not overlaps, (width, overlaps)
            checker.close()
        laptop = Checker(browser, path, viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"])
        check_pointer(laptop)
        check_tables(laptop)
        check_print(laptop)
        light = laptop.page.evaluate("getComputedStyle(document.body).backgroundColor")
        laptop.close()
        dark = Checker(browser, path, viewport={"width": 1280, "height": 900}, color_scheme="dark")
        assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        dark.close()
        plain = Checker(browser, path, viewport={"width": 1280, "height": 900}, java_script_enabled=False)
        assert plain.page.locator("button:visible").count() == 0
        assert plain.page.locator("figure path.line").count() > 6
        plain.close()
        browser.close()


if __name__ == "__main__":
    main()
