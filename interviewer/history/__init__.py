"""The SQLite database of interviews: what was asked, said and graded. Nothing said is lost.

`store` reads and writes it, `schema` lays it out, `files` keeps it safe on the disk, and
`records` turns its JSON back into values.
"""

from __future__ import annotations

from .records import Session, StoredGrade, grade_from_json, question_from_json
from .salvage import salvage
from .store import History

__all__ = [
    "History",
    "Session",
    "StoredGrade",
    "grade_from_json",
    "question_from_json",
    "salvage",
]
