"""Checks the page of an audit in Chromium: offline, no console error, figures with something in them, nothing overlaps.

usage: check_audit.py PAGE.html FIGURES

It is opened at the size of a phone and of a laptop, in light and dark, and printed.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

OVERLAPS = """svg => {
    const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    const found = [];
    boxes.forEach(([a, one], at) => boxes.slice(at + 1).forEach(([b, other]) => {
        const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (wide > 1 && high > 1) found.push(`${a} on ${b}`);
    }));
    return found;
}"""

DRAWN = """svg => [...svg.querySelectorAll(':scope > path')].map(path => {
    const box = path.getBBox();
    return [path.getAttribute('class'), box.width, box.height, getComputedStyle(path).stroke];
})"""


def check(page, figures, width):
    sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert sizes[0] <= sizes[1], f"the page is {sizes[0]} pixels wide on a screen of {sizes[1]}"
    assert page.locator("article.verdict").count() == 3
    assert page.locator("#findings tbody tr").count() > 0
    found = page.locator("#figures figure > svg")
    assert found.count() == figures, f"{found.count()} figures"
    for at in range(figures):
        svg = found.nth(at)
        overlaps = svg.evaluate(OVERLAPS)
        assert not overlaps, f"at {width}: {overlaps}"
        drawn = [one for one in svg.evaluate(DRAWN) if one[0] != "neutral"]
        assert drawn, f"figure {at} is empty"
        for name, wide, high, stroke in drawn:
            assert wide > 5 and high > 5 and stroke != "none", f"figure {at}: {name} has {wide} x {high}, {stroke}"
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1


def main():
    path, figures = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for width, scheme in [(390, "light"), (1280, "light"), (1280, "dark")]:
            context = browser.new_context(
                offline=True, color_scheme=scheme, viewport={"width": width, "height": 900}
            )
            page, problems = context.new_page(), []
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("request", lambda request: problems.append(request.url) if request.url != path.as_uri() else None)
            page.goto(path.as_uri())
            check(page, figures, width)
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip"
            assert len(page.pdf(format="A4")) > 10_000
            context.close()
            assert not problems, problems
        browser.close()


main()
