"""What is said of the failures of plugins, to those who look after them."""

LONGEST_ERROR = 300


def told(failure: BaseException) -> str:
    """One line; the rest is in the log."""
    try:
        first = str(failure).strip().partition("\n")[0]
    except Exception:  # noqa: BLE001 (even this may be broken)
        first = ""
    said = f"{type(failure).__name__}: {first}" if first else type(failure).__name__
    # Names of files, say, may have in them what no database takes and no page can show.
    return said.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:LONGEST_ERROR]
