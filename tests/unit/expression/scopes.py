"""The values that expressions of the tests see."""

from typing import Any

SCOPE: dict[str, Any] = {
    "input": {
        "region": "eu",
        "name": "Ada Lovelace",
        "greek": "πέντε",
        "total": 12,
        "price": 2.5,
        "zero": 0,
        "yes": True,
        "no": False,
        "nothing": None,
        "tags": ["new", "gift"],
        "empty": [],
        "numbers": [3, 1, 2],
        "items": [
            {"sku": "a1", "qty": 2, "price": 1.5, "tags": ["x"]},
            {"sku": "b2", "qty": 1, "price": 4, "tags": []},
            {"sku": "c3", "qty": 5, "price": 2.25, "tags": ["x", "y"]},
        ],
        "address": {"city": "Köln", "zip-code": "50667", "in": 1},
        "when": "2024-02-29T13:30:15.250Z",
        "for": "90s",
        "json": '{"a": [1, 2.5, null], "b": "x"}',
    },
    "steps": {
        "charge": {"output": {"id": "ch_1", "status": 200}, "status": "completed"},
        "a-b": {"output": {"ok": True}, "status": "completed"},
        "skipped": {"status": "skipped"},
    },
    "item": {"sku": "a1", "qty": 2},
    "index": 1,
    "loop": {"index": 3, "previous": {"loop": "x"}},
    "run": {"id": "r-1"},
    "vars": {"limit": 10},
    "outcome": {"failed": False, "cancelled": False, "succeeded": True},
}
