"""Every row, in the order in which they are measured."""

from benchmarks.rows import downloads, events, lists, s3, settings, slow, uploads
from benchmarks.shapes import Row
from benchmarks.stage import Plan


def all_rows(plan: Plan) -> list[Row]:
    """Uploads first: they need the disk as it was found."""
    return [
        *uploads.rows(),
        *downloads.rows(),
        *lists.rows(plan),
        *settings.rows(),
        *events.rows(),
        *slow.rows(plan),
        *s3.rows(plan),
    ]
