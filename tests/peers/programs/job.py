"""Reads the job and tells what became of it, for the clients of Python."""

import base64
import json
import sys

job = json.load(sys.stdin)
sys.path.insert(0, job["folder"])


def data(text):
    """The bytes that a text in base64 stands for."""
    return None if text is None else base64.b64decode(text)


def text(data):
    """The text in base64 for bytes."""
    return None if data is None else base64.b64encode(data).decode()


def records():
    """What is to be written: partition, timestamp, key, value, headers."""
    for it in job["records"]:
        headers = [(name, data(value)) for name, value in it["headers"]]
        yield it["partition"], it["timestamp"], data(it["key"]), data(it["value"]), headers


def tell(**told):
    """Ends with what there is to tell."""
    print(json.dumps(told))
