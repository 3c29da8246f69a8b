"""A key that was written where the name of its place belongs: recognised by its looks, so that no error repeats it."""

from __future__ import annotations

import re

from tensorzero.masking.index import label_of
from tensorzero.masking.known import learn, learn_url

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_FORMS = re.compile(r"^(?:(?:env|path|path_from_env|dynamic)::|sdk$|none$)")
_WORD = re.compile(r"[^\s\"'`,=\[\]{}]{6,}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s\"']+")
_SECRET_NAME = re.compile(r"key|auth|token|secret|passw|credential|signature", re.IGNORECASE)


def looks_like_key(text: str) -> bool:
    """A provider's own beginning of a key, or a long run of letters mixed with digits."""
    label = label_of(text)
    if label and len(text) - len(label) >= 8:
        return True
    return any(_mixed(run) for run in _RUN.findall(text))


def _mixed(run: str) -> bool:
    return any(c.isdigit() for c in run) and any(c.isalpha() for c in run) and not run.isupper()


def learn_location(text: str) -> None:
    """An `api_key_location` as it was written. What stands there in place of a name is a key."""
    form = _FORMS.match(text)
    if form is None:
        learn(text)
        learn(text.rpartition(":")[2])
        return
    name = text[form.end() :]
    if looks_like_key(name) or (text.startswith(("env::", "dynamic::")) and not _NAME.fullmatch(name) and "-" in name):
        learn(name)


def learn_written(text: str) -> None:
    """What looks like a key in a sentence that repeats something of a configuration."""
    for word in _WORD.findall(text):
        label = label_of(word)
        if label and looks_like_key(word) and any(sign.isdigit() for sign in word[len(label) :]):
            learn(word)


def learn_line(line: str) -> None:
    """A line of a configuration that cannot be read, before it is shown."""
    for url in _URL.findall(line):
        learn_url(url)
    name, _, value = line.partition("=")
    for word in _WORD.findall(value):
        form = _FORMS.match(word)
        if looks_like_key(word[form.end() :] if form else word) or (form is None and _SECRET_NAME.search(name)):
            learn(word[form.end() :] if form else word)
