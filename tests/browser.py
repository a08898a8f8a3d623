"""A headless Chromium, driven over a pipe in the DevTools protocol: what the tests of pages need, and no package.

The pipe carries JSON messages that end with a zero byte [Chrome DevTools Protocol, --remote-debugging-pipe].
"""

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE = "PNCLAB_BROWSER"
PATIENCE_S = 20.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--no-proxy-server",
    "about:blank",
)


def find_browser() -> str | None:
    """Return the browser to use: what ``PNCLAB_BROWSER`` names, else the first one on the path."""
    if named := os.environ.get(VARIABLE):
        return named
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class BrowserError(Exception):
    """The browser refused a command, a script failed, or what was waited for did not come."""


class Page:
    """One tab. ``requests`` are the URLs it asked for, ``complaints`` what its console and its scripts reported."""

    def __init__(self, pipe: "_Pipe", session: str) -> None:
        self._pipe = pipe
        self._session = session
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Give the browser a command and return its answer."""
        return self._pipe.send(method, params, self._session, self._note)

    def open(self, url: str) -> None:
        """Go to an address."""
        answer = self.send("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")

    def run(self, script: str) -> Any:
        """Return the value of an expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(str(details.get("exception", {}).get("description", details["text"])))
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true, looking at each change of the document; return its value."""
        script = f"""new Promise((resolve, reject) => {{
            const look = () => {{ try {{ return ({condition}); }} catch (error) {{ return false; }} }};
            const end = (found) => {{ watcher.disconnect(); clearInterval(ticks); clearTimeout(limit); resolve(found); }};
            const watcher = new MutationObserver(() => {{ const found = look(); if (found) end(found); }});
            watcher.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
            const ticks = setInterval(() => {{ const found = look(); if (found) end(found); }}, 50);
            const limit = setTimeout(() => {{ watcher.disconnect(); clearInterval(ticks);
                reject(new Error("in vain: " + {json.dumps(condition)} + "\\n" + document.body?.innerText)); }}, {PATIENCE_S * 1000});
            const found = look(); if (found) end(found);
        }})"""
        try:
            return self.run(script)
        except BrowserError as error:
            # The document was exchanged while we waited: look at the new one.
            if "context was destroyed" in str(error) or "navigated or closed" in str(error):
                return self.wait(condition)
            raise

    def text(self) -> str:
        """Return what can be read."""
        return str(self.run("document.body.innerText"))

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element that fits, and bears ``text`` where it is given; waits until there is one."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].find((item) => item.textContent.includes({json.dumps(text)}) && !item.disabled)"
        self.wait(f"!!{found}")
        self.run(f"{found}.click()")

    def type(self, selector: str, text: str) -> None:
        """Put text into a field as somebody who types."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.run(f"document.querySelector({json.dumps(selector)}).select?.()")
        self.send("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the window, and which colours its owner prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self) -> bytes:
        """Return the window as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def _note(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(" ".join(str(item.get("value")) for item in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


class _Pipe:
    """Messages to and from the browser. Events are handed on while an answer is waited for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._number = 0
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="browser", daemon=True)
        self._reader.start()

    def send(
        self, method: str, params: Mapping[str, Any], session: str | None = None, note: Any = None
    ) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            try:
                found = self._answers.get(timeout=PATIENCE_S + 10)
            except queue.Empty:
                raise BrowserError(f"{method}: no answer") from None
            if found is None:
                raise BrowserError(f"{method}: the browser has ended")
            if found.get("id") == self._number:
                if "error" in found:
                    raise BrowserError(f"{method}: {found['error']['message']}")
                return dict(found["result"])
            if note is not None and found.get("sessionId") == session and "method" in found:
                note(found["method"], found["params"])

    def close(self) -> None:
        self._reader.join(timeout=10)
        os.close(self._reading)
        os.close(self._writing)

    def _read(self) -> None:
        waiting = b""
        while part := os.read(self._reading, 1 << 16):
            *whole, waiting = (waiting + part).split(b"\0")
            for message in whole:
                self._answers.put(json.loads(message))
        self._answers.put(None)


@contextmanager
def browsing(executable: str, profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own and give one tab of it; it is ended afterwards in any case."""
    flags = list(_FLAGS)
    if os.geteuid() == 0:
        flags.insert(0, "--no-sandbox")  # Chromium will not run its sandbox as root
    to_browser, our_end = os.pipe()
    from_browser, their_end = os.pipe()
    # The browser reads file descriptor 3 and writes 4, whatever they are called here.
    command = f'exec "$0" "$@" 3<&{to_browser} 4>&{their_end}'
    process = subprocess.Popen(
        ["bash", "-c", command, executable, f"--user-data-dir={profile}", *flags],
        pass_fds=(to_browser, their_end),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(their_end)
    pipe = _Pipe(from_browser, our_end)
    try:
        target = pipe.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = pipe.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        yield Page(pipe, session)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        pipe.close()
