"""What axe-core finds that keeps people out: contrast, names of fields, headings, regions (WCAG 2.2, A and AA)."""

from pathlib import Path

from harness import check

AXE = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def check_page(driver, name):
    """The page as it is shown now."""
    driver.execute_script(AXE.read_text())
    found = driver.execute_async_script(
        # The policies of the pages would block what it loads ahead.
        "axe.run({ runOnly: arguments[0], preload: false }).then((result) => arguments[1](result.violations))",
        RULES,
    )
    told = [f"{rule['id']}: {rule['help']}: {[node['html'] for node in rule['nodes']]}" for rule in found]
    check(not told, f"{name} keeps people out: {told}")
