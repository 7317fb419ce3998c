"""Checks a report page in Chromium: offline, without a console error, its words and numbers against its own data.

usage: check_page.py PAGE.html [--thinned | --plain | --corrected]

With --thinned, tables and print are left out; with --plain, all that needs phases; with --corrected, only
what cards correct is looked at.
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

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Checker:
    """One opened page, and what went wrong while it was open."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.problems = []
        self.page.on("console", lambda message: self.note(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self.note(True, str(error)))
        self.page.on("request", lambda request: self.note(request.url != path.as_uri(), f"request {request.url}"))
        self.page.goto(path.as_uri())

    def note(self, bad, text):
        if bad:
            self.problems.append(text)

    def close(self):
        self.context.close()
        assert not self.problems, self.problems

    def no_overflow(self):
        widths = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], f"the page is {widths[0]} pixels wide on a screen of {widths[1]}"

    def svg(self, sensor=0):
        return self.page.locator(f"#sensor-{sensor} figure.traces .stage svg")

    def axis(self, sensor=0):
        """Labels of the time axis."""
        return self.svg(sensor).evaluate(
            """svg => [...svg.querySelectorAll('.axis text')]
                .map(text => [text.getAttribute('y'), text.textContent])
                .filter(([y, label]) => y && /^-?[\\d.]+$/.test(label))"""
        )

    def across(self, share, sensor=0):
        """Pointer position at a share of the plot's width, inside its frame."""
        box = self.svg(sensor).bounding_box()
        layout = data(self.page)["page"]["layout"]
        scale = box["width"] / layout["width"]
        left, right = layout["left"] * scale, (layout["width"] - layout["right"]) * scale
        return box["x"] + left + share * (right - left), box["y"] + 100 * scale

    def tip(self, sensor=0):
        tip = self.page.locator(f"#sensor-{sensor} figure.traces .tip")
        assert tip.is_visible()
        rows = tip.locator("> div").evaluate_all("rows => rows.map(row => [...row.children].map(c => c.textContent))")
        return dict(rows)

    def drag(self, begin, end, sensor=0):
        self.svg(sensor).scroll_into_view_if_needed()
        x, y = self.across(begin, sensor)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        x, _ = self.across(end, sensor)
        self.page.mouse.move(x, y, steps=4)
        self.page.mouse.up()

    def seconds(self, sensor=0):
        """What the time axis spans, by its labels."""
        bottom = max(float(y) for y, _ in self.axis(sensor))
        return [float(label) for y, label in self.axis(sensor) if float(y) == bottom]


def data(page):
    return json.loads(page.locator("#report-data").evaluate("element => element.textContent"))


def sums(steps):
    total, numbers = 0, []
    for step in steps:
        total += step
        numbers.append(total)
    return numbers


def power_at(trace, micros):
    """Power by the page's data, reckoned here from the meaning of the shapes."""
    times, units = sums(trace["t_us"]), sums(trace["w"])
    watts = [unit / trace["per_watt"] for unit in units]
    after = sum(1 for time in times if time <= micros)
    if after == 0 or micros > times[-1]:
        return None
    before = after - 1
    if trace["shape"] == "hold" or after == len(times):
        return watts[before]
    if trace["shape"] == "since":
        return watts[after]
    share = (micros - times[before]) / (times[after] - times[before])
    return watts[before] + share * (watts[after] - watts[before])


def check_words(checker):
    page, everything = checker.page, data(checker.page)
    text = " ".join(page.locator("main").inner_text().split())
    for index, judged in enumerate(everything["comparison"]["sensors"]):
        for sentence in judged["verdict"]:
            assert " ".join(sentence.split()) in text, sentence
        name = judged["sensor"]["name"]
        assert page.locator(f"#sensor-{index} h2 .name").inner_text() == name
        row = page.locator("table.summary tbody tr").nth(index)
        assert row.locator("th").inner_text() == name
        error = judged["comparison"]["energies"]["naive"]["error"]
        assert f"{error['value'] * 100:+.1f} %" in row.inner_text()
        assert f"{judged['comparison']['agreement']['pearson']['value']:.3f}" in row.inner_text()
    assert "<img" in text, "markup in a note shows as text"
    assert page.locator("img").count() == 0


def check_table(checker, sensor=0):
    page = checker.page
    phases = data(page)["comparison"]["sensors"][sensor]["comparison"]["phases"]
    table = page.locator(f"#sensor-{sensor} table.phases")
    cells = table.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.textContent))")
    assert len(cells) == len(phases)
    for shown, phase in zip(cells, phases):
        assert shown[0] == phase["name"]
        assert shown[2] == f"{(phase['end_ns'] - phase['begin_ns']) / 1e9:.3f}"
        assert shown[3:5] == [str(phase["readings"]), str(phase["publications"])]
        if phase["error"] is None:
            assert shown[10] == "unknown"
        else:
            assert abs(float(shown[10]) - phase["error"] * 100) <= 0.0501, (shown, phase)
        assert shown[12].replace("reference too slow", "unjudged").replace(" ", "-") == phase["verdict"]

    def column(index):
        rows = table.locator("tbody tr:not([hidden])")
        return rows.evaluate_all("(rows, index) => rows.map(row => row.cells[index].textContent)", index)

    # Sorting: numbers as numbers, unknown last both ways.
    head = table.locator("thead th").nth(10)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    for reverse in (False, True):
        shown = column(10)
        known = [float(cell) for cell in shown if cell != "unknown"]
        assert known == sorted(known, reverse=reverse), known
        assert all(cell == "unknown" for cell in shown[len(known):])
        head.locator("button").click()
    # Filters.
    tools = page.locator(f"#sensor-{sensor} .tools:has(.group)")
    tools.locator(".group").select_option("=test")
    tests = [phase for phase in phases if phase["name"].startswith("test")]
    assert sorted(column(0)) == sorted(phase["name"] for phase in tests)
    assert tools.locator(".shown").inner_text() == f"{len(tests)} of {len(phases)}"
    tools.locator(".by-verdict").select_option("=ok")
    assert set(column(12)) <= {"ok"}
    assert len(column(0)) == sum(phase["verdict"] == "ok" for phase in tests) > 0
    tools.locator(".group").select_option("")
    tools.locator(".by-verdict").select_option("")
    assert len(column(0)) == len(phases)


def check_hover(checker, sensor):
    page = checker.page
    everything = data(page)["page"]
    trace, reference = everything["sensors"][sensor]["trace"], everything["reference"]
    checker.svg(sensor).scroll_into_view_if_needed()
    seen = set()
    for share in (0.013, 0.2, 0.37, 0.501, 0.77, 0.93):
        x, y = checker.across(share, sensor)
        page.mouse.move(x, y)
        tip = checker.tip(sensor)
        micros = round(float(tip["Time"].removesuffix(" s")) * 1e6)
        if tip["Sensor"] == "not recorded" or tip["Reference"] == "not recorded":
            continue
        values = [float(tip[term].removesuffix(" W")) for term in ("Sensor", "Reference", "Difference")]
        # The crosshair is between two microseconds: a steep line may move by some milliwatts within one.
        wanted = [power_at(trace, micros), power_at(reference, micros)]
        assert abs(values[0] - wanted[0]) < 0.05 and abs(values[1] - wanted[1]) < 0.05, (tip, wanted)
        assert abs(values[2] - (values[0] - values[1])) < 0.002, tip
        absolute = int(tip["On the time base"].removesuffix(" ns"))
        assert abs(absolute - (int(everything["origin_ns"]) + micros * 1000)) <= 1000, tip
        begins = sums(everything["phases"]["begin_us"])
        spans = zip(begins, everything["phases"]["length_us"], everything["phases"]["name"])
        inside = [name for begin, length, name in spans if begin <= micros <= begin + length]
        assert all(name in tip["Phase"] for name in inside) and (inside or tip["Phase"] == "none"), (tip, inside)
        seen.add(tuple(values))
    assert len(seen) > 3, seen


def path_numbers(checker, line, sensor):
    text = checker.svg(sensor).locator(f"path.line.{line}").get_attribute("d")
    return [float(number) for number in re.findall(r"-?[\d.]+", text)]


def check_zoom(checker, sensor=0):
    page = checker.page
    full = checker.seconds(sensor)
    rust = {line: path_numbers(checker, line, sensor) for line in ("sensor", "reference", "difference")}
    checker.drag(0.4, 0.5, sensor)
    zoomed = checker.seconds(sensor)
    assert zoomed[-1] - zoomed[0] < 0.2 * (full[-1] - full[0]), (full, zoomed)
    page.locator(f"#sensor-{sensor} [data-do=reset]").click()
    assert checker.seconds(sensor) == full
    # Script and Rust draw the same figure.
    for line, numbers in rust.items():
        again = path_numbers(checker, line, sensor)
        assert len(again) == len(numbers), (line, len(again), len(numbers))
        assert max(abs(a - b) for a, b in zip(again, numbers)) < 0.15, line
    for action, closer in (("in", True), ("out", False)):
        before = checker.seconds(sensor)
        page.locator(f"#sensor-{sensor} [data-do={action}]").click()
        after = checker.seconds(sensor)
        assert (after[-1] - after[0] < before[-1] - before[0]) == closer, (before, after)
    # Wheel with Ctrl, double click.
    x, y = checker.across(0.5, sensor)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert checker.seconds(sensor) != full
    page.mouse.dblclick(x, y)
    assert checker.seconds(sensor) == full
    # Keys.
    svg = checker.svg(sensor)
    svg.focus()
    for _ in range(4):
        page.keyboard.press("+")
    closer = checker.seconds(sensor)
    assert closer != full
    page.keyboard.press("ArrowRight")
    assert checker.seconds(sensor)[0] > closer[0]
    page.keyboard.press("ArrowLeft")
    assert checker.seconds(sensor) == closer
    page.keyboard.press("Shift+ArrowRight")
    spoken = page.locator(f"#sensor-{sensor} .spoken").text_content()
    assert "Sensor" in spoken and " W" in spoken, spoken
    page.keyboard.press("0")
    assert checker.seconds(sensor) == full
    page.keyboard.press("Escape")
    assert not page.locator(f"#sensor-{sensor} figure.traces .tip").is_visible()


def check_rows_and_points(checker, sensor=0):
    page = checker.page
    comparison = data(page)["comparison"]["sensors"][sensor]["comparison"]
    origin = int(data(page)["page"]["origin_ns"])

    def shows(phase):
        begin, end = ((phase[key] - origin) / 1e9 for key in ("begin_ns", "end_ns"))
        labels = checker.seconds(sensor)
        length = end - begin
        assert begin - length <= labels[0] and labels[-1] <= end + length, (labels, begin, end)
        assert checker.svg(sensor).locator("path.marked").count() == 1

    page.locator(f"#sensor-{sensor} [data-do=reset]").click()
    row = page.locator(f"#sensor-{sensor} table.phases tbody tr").nth(7)
    name = row.locator("td").first.inner_text()
    phase = next(phase for phase in comparison["phases"] if phase["name"] == name)
    row.locator("td").nth(3).click()
    shows(phase)
    # Arrow keys move the focus in the table, Enter shows the phase.
    page.locator(f"#sensor-{sensor} table.phases tbody tr[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    focused = page.evaluate("document.activeElement.cells[0].textContent")
    shows(next(phase for phase in comparison["phases"] if phase["name"] == focused))
    # The figure of phases names the point under the pointer.
    page.wait_for_timeout(500)
    figure = page.locator(f"#sensor-{sensor} figure.phase-errors")
    figure.scroll_into_view_if_needed()
    point = figure.locator("path[data-phases]").first
    index = int(point.get_attribute("data-phases").split()[0])
    x, y = map(float, re.match(r"M([\d.]+),([\d.]+)", point.get_attribute("d")).groups())
    box = figure.locator("> svg").bounding_box()
    scale = box["width"] / 420
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    names = [phase["name"] for phase in comparison["phases"]]
    shown = figure.locator(".tip").inner_text()
    assert shown.rsplit(": ", 1)[0] in names, (shown, names[index])


def check_print(checker):
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        checker.page.pdf(path=str(pdf), prefer_css_page_size=True, print_background=True)
        pages = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
        sensors = data(checker.page)["comparison"]["sensors"]
        rows = sum(len(judged["comparison"]["phases"]) for judged in sensors)
        assert pages > max(1, rows / 60), f"{pages} pages do not hold {rows} rows"
        if shutil.which("pdftotext"):
            text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True, text=True).stdout
            everything = data(checker.page)["comparison"]
            for word in ("Summary", "Phases", "Method", "Notes", everything["seed"]):
                assert str(word) in text, word
            # The whole table is printed, not only what its box shows, with its header on more than one page.
            for phase in sensors[0]["comparison"]["phases"]:
                assert phase["name"] in text, phase["name"]
            assert text.count("Coverage") > len(sensors) + 1


def check_download(checker):
    with checker.page.expect_download() as waiting:
        checker.page.locator("#download").click()
    saved = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert saved == data(checker.page)["comparison"]
    begin = saved["sensors"][0]["comparison"]["overlap"]["begin_ns"]
    assert isinstance(begin, int) and begin % 1000 == 123, "nanoseconds are exact"


def check_plain(browser, path):
    """A page without phases, perhaps without time: it opens everywhere, and the pointer shows values."""
    for width in (1280, 800, 360):
        checker = Checker(browser, path, viewport={"width": width, "height": 800})
        checker.no_overflow()
        svg = checker.svg()
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        checker.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 100)
        tip = checker.tip()
        assert tip["Sensor"] == tip["Reference"] and tip["Difference"] == "0.000 W", tip
        everything = data(checker.page)
        if everything["page"]["ordinal"]:
            row = int(tip["Row"].removeprefix("row "))
            assert float(tip["Sensor"].removesuffix(" W")) == power_at(everything["page"]["reference"], row * 1_000_000)
            assert "On the time base" not in tip
        else:
            assert "not compared" in checker.page.locator("#sensor-1").inner_text()
        checker.close()


OVERLAPS = """svg => {
  const boxes = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([words, a], index) => boxes.slice(0, index).forEach(([others, b]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    if (across > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3) found.push(`${others} / ${words}`);
  }));
  return found;
}"""


def corrections(checker):
    """The figures of corrections, the sensors that they are of, and what times count from."""
    everything = data(checker.page)
    return [
        (checker.page.locator(f"#sensor-{index} figure.corrections"), judged, int(everything["page"]["origin_ns"]))
        for index, judged in enumerate(everything["comparison"]["sensors"])
        if judged.get("corrected")
    ]


def check_correction(tip, judged, origin):
    """What is said of a phase, against the comparison itself."""
    begin = float(tip["Begin"].removesuffix(" s"))
    phases = zip(judged["comparison"]["phases"], judged["corrected"]["phases"])
    row, phase = min(phases, key=lambda pair: abs((pair[0]["begin_ns"] - origin) / 1e9 - begin))
    assert row["name"] == tip["Phase"] and abs((row["begin_ns"] - origin) / 1e9 - begin) < 0.001, (row, tip)
    length = float(tip["Length"].removesuffix(" s"))
    assert abs((row["end_ns"] - row["begin_ns"]) / 1e9 - length) < 0.001, (row, tip)

    def near(words, share):
        return abs(float(words.split()[0]) - 100 * share) < 0.06

    error = row.get("error")
    assert tip["As shown"] == "unknown" if error is None else near(tip["As shown"], error), (row, tip)
    energy, reference = phase["energy_j"], row.get("reference_j")
    if energy is None:
        assert tip["Refused"] and "Corrected" not in tip, tip
    elif reference is None:
        assert tip["Corrected"] == "unjudged" and "Interval" not in tip, tip
    else:
        assert near(tip["Corrected"], energy["value"] / reference - 1), (phase, tip)
        low, high = re.match(r"(.*) % to (.*) %", tip["Interval"]).groups()
        assert near(low, energy["low"] / reference - 1) and near(high, energy["high"] / reference - 1), (phase, tip)
        holds = energy["low"] <= reference <= energy["high"]
        assert tip["Interval"].endswith(", holds the reference") == holds, (phase, tip)


def shown_of(figure):
    """What the figure says under the pointer."""
    assert figure.locator(".tip").is_visible()
    rows = figure.locator(".tip > div")
    return dict(rows.evaluate_all("rows => rows.map(row => [...row.children].map(cell => cell.textContent))"))


def check_corrected(browser, path):
    """The figures of what cards correct: values, keys, both themes, a phone, print, and without scripts."""
    colours = {}
    for scheme in ("light", "dark"):
        for width, picture in ((1280, "wide"), (800, "wide"), (390, "narrow")):
            checker = Checker(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
            checker.no_overflow()
            figures = corrections(checker)
            assert figures
            for figure, judged, origin in figures:
                visible = figure.locator(".stage svg:visible")
                assert visible.count() == 1 and visible.get_attribute("class") == picture, width
                assert visible.evaluate(OVERLAPS) == []
                size = visible.evaluate(
                    "svg => parseFloat(getComputedStyle(svg.querySelector('.axis text')).fontSize)"
                    " * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width"
                )
                assert 9 < size < 18, f"labels are {size} pixels high at {width}"
                dots = figure.locator(".stage svg:visible .as-corrected").first
                colours[scheme] = dots.evaluate("path => getComputedStyle(path).stroke")
                visible.scroll_into_view_if_needed()
                box = visible.bounding_box()
                for share in (0.19, 0.3, 0.45, 0.6, 0.8, 0.97):
                    checker.page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
                    check_correction(shown_of(figure), judged, origin)
                checker.page.mouse.move(1, 1)
                assert not figure.locator(".tip").is_visible()
            checker.close()
    assert colours["light"] != colours["dark"]

    checker = Checker(browser, path, viewport={"width": 1280, "height": 900})
    for figure, judged, origin in corrections(checker):
        svg, page = figure.locator(".stage svg:visible"), checker.page
        svg.focus()
        said = []
        for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"):
            page.keyboard.press(key)
            check_correction(shown_of(figure), judged, origin)
            said.append(figure.locator(".spoken").text_content())
        assert len(set(said)) == 4 and said[0] == said[4] and "Phase" in said[0], said
        page.keyboard.press("Enter")
        traces = figure.locator("xpath=preceding-sibling::figure").locator("path.marked")
        assert traces.count() == 1 and traces.get_attribute("d"), "Enter shows the phase in the traces"
        page.keyboard.press("Escape")
        assert not figure.locator(".tip").is_visible()
    check_print(checker)
    checker.close()

    plain = Checker(browser, path, viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    assert plain.page.locator("figure.corrections svg.wide:visible").count() == len(corrections(plain))
    assert plain.page.locator("figure.corrections .tools:visible").count() == 0
    plain.close()


def main():
    path = Path(sys.argv[1]).resolve()
    thinned = "--thinned" in sys.argv[2:]
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)

        if "--plain" in sys.argv[2:]:
            check_plain(browser, path)
            return
        if "--corrected" in sys.argv[2:]:
            check_corrected(browser, path)
            return
        desktop = Checker(browser, path, viewport={"width": 1280, "height": 900})
        desktop.no_overflow()
        check_words(desktop)
        check_hover(desktop, 0)
        check_hover(desktop, 1)
        check_hover(desktop, 2)
        desktop.page.reload()
        check_zoom(desktop)
        check_rows_and_points(desktop)
        if not thinned:
            check_table(desktop)
            check_print(desktop)
        check_download(desktop)
        light = desktop.page.evaluate("getComputedStyle(document.body).backgroundColor")
        desktop.close()

        dark = Checker(browser, path, viewport={"width": 1280, "height": 900}, color_scheme="dark")
        assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        dark.close()

        phone = Checker(browser, path, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
        phone.no_overflow()
        width = phone.svg().evaluate("svg => svg.viewBox.baseVal.width / svg.getBoundingClientRect().width")
        assert 0.9 < width < 1.1, f"text of the figure is scaled by {1 / width}"
        phone.close()

        plain = Checker(browser, path, viewport={"width": 1280, "height": 900}, java_script_enabled=False)
        assert plain.page.locator("figure.traces path.line").count() >= 3
        assert plain.page.locator("button:visible").count() == 0
        plain.close()
        browser.close()


if __name__ == "__main__":
    main()
