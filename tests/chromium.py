"""Chromium without a window, driven over its own pipe: real mouse and key events, what a page logs, what it draws.

Its DevTools protocol is messages of JSON between zero bytes on file descriptors 3 and 4, so nothing has to be installed
but the browser itself.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT = 30.0  # seconds that anything may take
# Puts two descriptors where the browser looks for them, past what they may be now, and becomes it.
BECOME = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


def browser():
    """Return the path of a Chromium, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser with one page open; use it in a `with` block."""

    def __init__(self, width=1400, height=900, *options):
        """Start it, with a profile of its own that goes when it ends."""
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        command = [
            *(sys.executable, "-c", BECOME, str(to_browser), str(from_browser), str(browser())),
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
            *("--disable-frame-rate-limit", "--disable-gpu-vsync", "--disable-dev-shm-usage"),
            *("--remote-debugging-pipe", f"--user-data-dir={self._profile}"),
            f"--window-size={width},{height}",
            *options,
        ]
        ends = (to_browser, from_browser)
        self._process = subprocess.Popen(command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in ends:
            os.close(end)
        self._left, self._number, self.events = b"", 0, []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        """Return the browser."""
        return self

    def __exit__(self, *_):
        """End it, and take its profile away."""
        self._process.terminate()
        self._process.wait(WAIT)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def post(self, method, **parameters):
        """Send a command to the page without waiting for what comes of it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, "sessionId": self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")

    def call(self, method, **parameters):
        """Return the result of a command of the protocol to the page."""
        return self._send(method, self._session, **parameters)

    def _send(self, method, session=None, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        """Return the next message from the browser."""
        while b"\0" not in self._left:
            part = os.read(self._in, 1 << 16)
            if not part:
                raise RuntimeError("the browser has gone")
            self._left += part
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)

    def open(self, address):
        """Open an address and wait until it has been loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script):
        """Return the value of a script, of its promise if it is one."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def until(self, script, seconds=WAIT):
        """Wait until a script is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"not so within {seconds} s: {script}"
            time.sleep(0.02)

    def mouse(self, kind, x, y):
        """Move, press or release the left button at a place of the window: "Moved", "Pressed", "Released"."""
        button = {} if kind == "Moved" and not self._held else {"button": "left", "clickCount": 1, "buttons": 1}
        self._held = kind == "Pressed" or (self._held and kind != "Released")
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **button)

    _held = False

    def key(self, name, code):
        """Press and release a key, as "ArrowRight" of code 39."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def complaints(self):
        """Return what the page has logged as an error, and every exception."""
        kinds = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        logged = [event for event in self.events if event.get("method") in kinds]
        return [
            event["params"]
            for event in logged
            if event["method"] == "Runtime.exceptionThrown"
            or event["params"].get("entry", {}).get("level") == "error"
            or event["params"].get("type") == "error"
        ]

    def requests(self):
        """Return the addresses that the page has asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def size(self, width, height):
        """Give the page a window of another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def dark(self, is_dark=True):
        """Have the page believe that the person likes it dark."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path, whole=True):
        """Write a picture of the page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(found["data"]))
