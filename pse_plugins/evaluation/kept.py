"""What a table needs of a row, in a small file: it outlives the trainings' own folders, and can be published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from .comparison import METRICS, Trained, check_same_mixtures

_DIGITS = 4
_KEYS = ("id", "scenario", "speaker", "competitor")


def keep(row: Trained, path: Path) -> None:
    """Write the scores that tables show, item by item, and the cost."""
    content = {
        "row": row.name,
        "cost": row.cost,
        "mixture": _slim(row.mixture),
        "items": {str(seed): _slim(items) for seed, items in row.items.items()},
        "wrong": {str(seed): _slim(items) for seed, items in row.wrong.items()},
        "course": {str(seed): course for seed, course in row.course.items()},
        "settings": {str(seed): settings for seed, settings in row.settings.items()},
    }
    path.write_text(json.dumps(content, separators=(",", ":")).replace("},{", "},\n{") + "\n", "utf-8")


def recall(path: Path) -> Trained:
    """Read what `keep` wrote.

    Raises
    ------
    DataError
        If the file holds something else.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return Trained(
            content["row"],
            {int(seed): items for seed, items in content["items"].items()},
            {int(seed): items for seed, items in content["wrong"].items()},
            content["cost"],
            content["mixture"],
            *(
                {int(seed): value for seed, value in content.get(k, {}).items()}
                for k in ("course", "settings")
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the scores of a row; remove it and make the table again") from error


def join(kept: Trained, new: Trained) -> Trained:
    """Add the seeds of a row's new trainings to those that were kept; of a seed in both, the new one counts.

    Raises
    ------
    DataError
        If they were scored on different mixtures.
    """
    check_same_mixtures(f"{new.name}, trained now,", new.mixture, kept.mixture, f"{new.name} that was kept")
    items = {**kept.items, **new.items}
    wrong = {**kept.wrong, **new.wrong}
    course = {**kept.course, **new.course}
    settings = {**kept.settings, **new.settings}
    return Trained(
        new.name,
        {seed: items[seed] for seed in sorted(items)},
        {seed: wrong[seed] for seed in sorted(wrong)},
        new.cost or kept.cost,
        new.mixture or kept.mixture,
        {seed: course[seed] for seed in sorted(course)},
        {seed: settings[seed] for seed in sorted(settings)},
    )


def _slim(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what no table shows."""
    return [
        {
            **{key: item[key] for key in _KEYS if key in item},
            "values": {m: _rounded(item["values"][m]) for m in METRICS if m in item["values"]},
        }
        for item in items
    ]


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value
