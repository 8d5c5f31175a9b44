"""Values of settings as people read and type them: what is shown means the value it stands for, to the last byte."""

import re
from decimal import Decimal, localcontext

from webapp.contracts.settings import SettingField
from webapp.http import i18n
from webapp.http.i18n import t

_POWERS = ("kib", "kb", "mib", "mb", "gib", "gb", "tib", "tb", "pib", "pb", "eib", "eb")
_FACTORS = {name: (1024 if "i" in name else 1000) ** (1 + at // 2) for at, name in enumerate(_POWERS)}
_MOST_IN_A_UNIT = 10_000
"""More than that is shown in the next unit, or in bytes."""
_LONGEST = 64
_AMOUNT = re.compile(r"([0-9.,]+)([^\W\d_]*)")
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_SPACES = re.compile(r"[\s']")


def written(field: SettingField, value: object) -> str:
    """What the control of a field holds for this value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    if isinstance(value, int):
        return size(value) if field.format == "bytes" else str(value)
    return str(value)


def meant(field: SettingField, text: str) -> object:
    """The value a text stands for. A text that makes no sense stays what it is: the service says what is wrong."""
    text = text.strip()
    if field.type == "list":
        return [item.strip() for item in re.split(r"[,\n]", text) if item.strip()]
    if field.type == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if field.type == "integer":
        found = bytes_of(text) if field.format == "bytes" else _whole(text)
        return text if found is None else found
    return text


def is_default(field: SettingField, value: object) -> bool:
    """Whether a value is the one that counts where nothing is stored."""
    default = field.default
    if field.type == "list":
        return list(value if isinstance(value, list | tuple) else ()) == list(
            default if isinstance(default, list | tuple) else ()
        )
    return value == default or (default is None and value == "")


# --- sizes -----------------------------------------------------------------------------


def size(count: int) -> str:
    """100 MiB, 1.5 GB, 12,345 bytes: the shortest that is exact."""
    exact = [name for name, factor in _FACTORS.items() if _fits(count, factor)]
    if not exact:
        return t("size.bytes", count=count)
    best = min(exact, key=lambda name: len(f"{count / _FACTORS[name]:.2f}".rstrip("0")))
    return t(f"size.{best}", value=i18n.number(count / _FACTORS[best], 2))


def bytes_of(text: str) -> int | None:
    """How many bytes a text such as ``100 MB``, ``1.5 GiB`` or ``2048`` means; None if it means none."""
    found = _AMOUNT.fullmatch(_SPACES.sub("", text)) if len(text) <= _LONGEST else None
    if found is None:
        return None
    amount, factor = _number(found[1]), _units().get(found[2].casefold())
    if amount is None or factor is None:
        return None
    with localcontext() as context:
        context.prec = _LONGEST
        return int(amount * factor)


def _fits(count: int, factor: int) -> bool:
    """Whether a number of units is not too big to read and has two decimals at most."""
    return factor <= count < factor * _MOST_IN_A_UNIT and count * 100 % factor == 0


def _units() -> dict[str, int]:
    """What units are called, in English and in the language of the reader."""
    names = {"": 1, "b": 1, "byte": 1, "bytes": 1, **_FACTORS}
    names |= {_word(t("size.bytes", count=count)): 1 for count in (1, 2)}
    return names | {_word(t(f"size.{name}", value="")): factor for name, factor in _FACTORS.items()}


def _word(text: str) -> str:
    return re.sub(r"[\W\d]", "", text).casefold()


# --- numbers ---------------------------------------------------------------------------


def _whole(text: str) -> int | None:
    found = _number(_SPACES.sub("", text)) if len(text) <= _LONGEST else None
    return int(found) if found is not None and found == found.to_integral_value() else None


def _number(text: str) -> Decimal | None:
    """1500, 1,500 or 1.5; in German 1.500 or 1,5. Where a mark can only be a decimal one, either is."""
    group, point = re.escape(t("number.group")), re.escape(t("number.decimal"))
    if re.fullmatch(rf"[0-9]{{1,3}}({group}[0-9]{{3}})+({point}[0-9]+)?", text):
        text = text.replace(t("number.group"), "")
    text = text.replace(",", ".")
    return Decimal(text) if _PLAIN.fullmatch(text) else None
