"""Debian's Chromium, without a window, as one person's browser."""

import base64
import hashlib
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from harness import check

# A page that refuses with a status is told so on the console, which is no fault of the page.
REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


class Chromium:
    def __init__(self, ca, host):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new",
            # As root, which containers run as, it starts without its sandbox alone.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-proxy-server",
            f"--host-resolver-rules=MAP {host} 127.0.0.1",
            # Trusts this one key: a passkey is made only where there is nothing wrong with the certificate.
            f"--ignore-certificate-errors-spki-list={_pin(ca)}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(20)
        self._agent = self.driver.execute_script("return navigator.userAgent").replace("Headless", "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def tell(self, command, **parameters):
        """Sends a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def forget(self):
        """As if it had just been installed, by an English reader."""
        first, *others = self.driver.window_handles
        for other in others:
            self.driver.switch_to.window(other)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.driver.get("about:blank")
        self.tell("Network.clearBrowserCookies")
        self.speak("en")

    def speak(self, language):
        self.tell("Emulation.setUserAgentOverride", userAgent=self._agent, acceptLanguage=language)

    def cookies(self):
        return self.tell("Network.getAllCookies")["cookies"]

    def use_cookies(self, cookies):
        """Becomes the browser that has these alone."""
        self.tell("Network.clearBrowserCookies")
        self.tell("Network.setCookies", cookies=cookies)

    def check_console(self, what):
        """Nothing may have been blocked by the policy of a page, and no script may have failed."""
        said = [line["message"] for line in self.driver.get_log("browser") if line["level"] in ("WARNING", "SEVERE")]
        wrong = [line for line in said if not REFUSAL.search(line)]
        check(not wrong, f"{what}: the console says {wrong}")


def _pin(certificate):
    """The key of a certificate, as Chromium wants it named."""
    read = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
    key = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()
