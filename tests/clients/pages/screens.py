"""Pictures of pages, light and dark, on a phone and on a desk; how narrow a page may become, and whom it keeps out."""

import base64
import os
from io import BytesIO
from pathlib import Path

import zxingcpp
from PIL import Image

from harness import check

from . import accessible

# Width, height, pixels for each of CSS, and whether it is a phone.
SCREENS = {"phone": (390, 844, 2, True), "desktop": (1280, 800, 1, False)}
# WCAG 2.2, 1.4.10: what fits here needs no scrolling at 400 % on a desk either.
NARROWEST = 320


def folder():
    return Path(os.environ.get("SCREENSHOTS", "target/screenshots"))


def keep(chromium, name):
    """Keeps the page that is shown as NAME-light-phone.png and so on."""
    for screen, (width, height, ratio, is_phone) in SCREENS.items():
        _resize(chromium, width, height, ratio, is_phone)
        for scheme in ("light", "dark"):
            _show(chromium, {"prefers-color-scheme": scheme})
            _picture(chromium, f"{name}-{scheme}-{screen}")
            if is_phone:
                accessible.check_page(chromium.driver, f"{name}, {scheme},")
    _fits(chromium, name)
    _show(chromium, {})
    chromium.tell("Emulation.clearDeviceMetricsOverride")


def keep_in_forced_colours(chromium, name):
    """As people see it whose system sets all colours."""
    width, height, ratio, is_phone = SCREENS["desktop"]
    _resize(chromium, width, height, ratio, is_phone)
    _show(chromium, {"forced-colors": "active", "prefers-color-scheme": "dark"})
    _picture(chromium, f"{name}-forced-desktop")
    _show(chromium, {})
    chromium.tell("Emulation.clearDeviceMetricsOverride")


def scan(chromium, scheme):
    """What a camera reads on the page, of the QR codes that are there."""
    _resize(chromium, *SCREENS["phone"])
    _show(chromium, {"prefers-color-scheme": scheme})
    shown = Image.open(BytesIO(chromium.driver.get_screenshot_as_png()))
    _show(chromium, {})
    chromium.tell("Emulation.clearDeviceMetricsOverride")
    return "".join(code.text for code in zxingcpp.read_barcodes(shown))


def check_whole_words(chromium, selector):
    """No word is broken on the narrowest screen: as text, each takes a line at the most."""
    _resize(chromium, NARROWEST, 640, 1, True)
    broken = chromium.driver.execute_script(BROKEN, selector)
    chromium.tell("Emulation.clearDeviceMetricsOverride")
    check(not broken, f"these words are broken: {broken}")


BROKEN = """
    const lines = (element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return new Set([...range.getClientRects()].map((rect) => rect.top)).size;
    };
    return [...document.querySelectorAll(arguments[0])]
        .filter((element) => lines(element) > element.innerText.trim().split(/\\s+/).length)
        .map((element) => element.innerText);
"""


def _fits(chromium, name):
    _resize(chromium, NARROWEST, 640, 1, True)
    width = chromium.driver.execute_script("return document.documentElement.scrollWidth")
    check(width <= NARROWEST, f"{name} is {width} pixels wide where there are {NARROWEST}")


def _resize(chromium, width, height, ratio, is_phone):
    chromium.tell(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=is_phone
    )


def _show(chromium, features):
    # No colour may be caught on its way from one scheme to the other.
    features = {"prefers-reduced-motion": "reduce"} | features
    chromium.tell("Emulation.setEmulatedMedia", features=[{"name": name, "value": of} for name, of in features.items()])


def _picture(chromium, name):
    """All of the page, however long."""
    size = chromium.tell("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    shown = chromium.tell("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    folder().mkdir(parents=True, exist_ok=True)
    (folder() / f"{name}.png").write_bytes(base64.b64decode(shown["data"]))
