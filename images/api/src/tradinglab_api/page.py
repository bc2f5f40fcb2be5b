"""The OpenAPI document as a page for people: one file, no scripts, nothing fetched from elsewhere.

Called by the application at /docs.
"""

import json
from html import escape
from typing import Any, Final

Document = dict[str, Any]

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem } h3 { margin-bottom: .2rem }
code, pre { font: 13px/1.4 ui-monospace, monospace }
pre { padding: .7rem; overflow: auto; border: 1px solid #8884; border-radius: 6px }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem; border-top: 1px solid #8884 }
.method { display: inline-block; min-width: 4.2rem; font-weight: 600 }
"""
CONFLICTS: Final = {
    "stream-cold": "The server does not know the stream: it is new, or made room for others, or "
    "the server was replaced. Send the history with PUT; the answer holds its forecast.",
    "stream-gap": "The row is not the one after the stream's last. Send the missing rows one by "
    "one, oldest first, or the history with PUT.",
    "stream-past": "The stream has gone on. Forecasts of past bars come from POST /v1/forecast.",
    "stream-conflict": "The stream knows this bar with other values, so one of the two is wrong. "
    "PUT replaces the stream's rows.",
}


def readable_page(document: Document) -> str:
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
        f"<p>{escape(info['description'])} <a href='/v1/openapi.json'>openapi.json</a></p>",
        "<h2>Operations</h2>",
    ]
    for path, methods in document["paths"].items():
        parts += [_operation(path, method, each) for method, each in methods.items()]
    parts.append("<h2>Conflicts of a stream (409)</h2>")
    for name, text in CONFLICTS.items():
        parts.append(f"<h3 id='{name}'><code>{name}</code></h3><p>{escape(text)}</p>")
    parts.append("<h2>Documents</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts.append(_schema(name, schema))
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style>{''.join(parts)}</html>"
    )


def _operation(path: str, method: str, operation: Document) -> str:
    parts = [
        f"<h3 id='{operation['operationId']}'><code><span class='method'>{method.upper()}</span>",
        f" {escape(path)}</code></h3><p>{escape(operation['summary'])}. ",
        f"{escape(operation.get('description', ''))}</p><table>",
    ]
    for parameter in operation.get("parameters", []):
        where = f"{parameter['in']} {parameter['name']}"
        parts.append(_row(where, f"{_type(parameter['schema'])} — {parameter['description']}"))
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(_row(f"body {media_type}", _type(content["schema"])))
    for status, answer in operation["responses"].items():
        kinds = [_type(each.get("schema", {})) for each in answer.get("content", {}).values()]
        parts.append(_row(status, f"{answer['description']} {' '.join(kinds)}"))
    return "".join(parts) + "</table>"


def _schema(name: str, schema: Document) -> str:
    parts = [f"<h3 id='{escape(name)}'><code>{escape(name)}</code></h3>"]
    parts.append(f"<p>{escape(schema.get('description', ''))}</p>")
    if "enum" in schema:
        parts.append(f"<p><code>{escape(json.dumps(schema['enum']))}</code></p>")
    rows = []
    for field, each in schema.get("properties", {}).items():
        need = "" if field in schema.get("required", []) else " (may be absent)"
        rows.append(_row(field, f"{_type(each)}{need} {each.get('description', '')}"))
    return "".join(parts) + (f"<table>{''.join(rows)}</table>" if rows else "")


def _row(name: str, text: str) -> str:
    return f"<tr><th><code>{escape(name)}</code></th><td>{escape(text)}</td></tr>"


def _type(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(each) for each in schema[key])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("type", ""))
